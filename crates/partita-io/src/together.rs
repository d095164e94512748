//! The same work on many things, on several threads, with results and errors in the order of the things.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::guard::guarded;
use crate::{Error, Result};

/// Reads files of `format`: calls `work` for every number below `count`, on up to `threads` threads, and gives the results in order. Of
/// several errors the first in order is given; after an error nothing new is begun.
pub(crate) fn in_order<T: Send>(
    format: &str,
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if threads < 2 || count < 2 {
        return (0..count).map(|number| guarded(format, || work(number))).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Numbers are taken in order, so whatever comes before an error was begun and is finished too.
    let one_thread = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let result = guarded(format, || work(number));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((number, result));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let spawned: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(one_thread)).collect();
        let mut done = one_thread();
        for thread in spawned {
            match thread.join() {
                Ok(more) => done.extend(more),
                Err(_) => {
                    done.push((0, Err(Error::corrupt(format!("a {format} file made its reader panic")))))
                }
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_keep_their_order() {
        for threads in [1, 2, 5] {
            let squares = in_order("test", threads, 100, |number| Ok(number * number)).unwrap();
            assert_eq!(squares, (0..100).map(|number| number * number).collect::<Vec<_>>());
            for _ in 0..20 {
                let error = in_order("test", threads, 100, |number| match number {
                    7.. => Err(Error::invalid(format!("number {number}"))),
                    _ => Ok(()),
                });
                assert_eq!(error.unwrap_err().to_string(), "number 7");
            }
            assert!(in_order("test", threads, 0, |_| Ok(())).unwrap().is_empty());
        }
        let error = in_order("test", 2, 4, |number| if number == 3 { panic!("on purpose") } else { Ok(()) });
        assert!(error.unwrap_err().to_string().contains("on purpose"));
    }
}
