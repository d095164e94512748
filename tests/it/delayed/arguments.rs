//! What functions may be given, what they get, and what is made of their results.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partita::prelude::*;

#[test]
fn functions_of_none_to_eight_arguments() -> partita::Result<()> {
    #[expect(clippy::too_many_arguments, reason = "as many as may be")]
    fn eight(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64) -> i64 {
        [a, b, c, d, e, f, g, h].into_iter().fold(0, |sum, x| sum * 10 + x)
    }
    assert_eq!(delayed(|| 7).call().compute()?, 7);
    assert_eq!(delayed(|a: i64| a + 1).call(1).compute()?, 2);
    assert_eq!(delayed(|a: i64, b: &str| format!("{a}{b}")).call(1, "x").compute()?, "1x");
    let one = Delayed::value(1_i64);
    let all = delayed(eight).call(&one, 2, one.clone() + 2, 4, 5, 6, 7, &one * 8);
    assert_eq!(all.compute()?, 12_345_678);
    Ok(())
}

#[test]
fn the_lesson() -> partita::Result<()> {
    fn add(a: i64, b: i64) -> i64 {
        a + b
    }
    fn mul(a: i64, b: i64) -> i64 {
        a * b
    }
    fn sub(a: i64, b: i64) -> i64 {
        a - b
    }
    let (add, mul, sub) = (delayed(add), delayed(mul), delayed(sub));
    let calls = mul.call(mul.call(add.call(3, 7), add.call(2, 8)), sub.call(mul.call(2, 3), 1));
    assert_eq!(calls.compute()?, 500);
    let [two, three] = [2_i64, 3].map(Delayed::value);
    let signs = (&three + 7) * (&two + 8) * ((&two * &three) - 1);
    assert_eq!(signs.compute()?, 500);
    Ok(())
}

#[test]
fn references_lend_what_is_delayed_and_what_is_not() -> partita::Result<()> {
    fn sum(values: &[i64]) -> i64 {
        values.iter().sum()
    }
    fn length(text: &str) -> usize {
        text.len()
    }
    #[expect(clippy::ptr_arg, reason = "beginners write it, and it must work")]
    fn count(values: &Vec<i64>) -> usize {
        values.len()
    }
    fn ending(path: &Path) -> String {
        path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default()
    }
    let list = Delayed::value(vec![1, 2, 3]);
    assert_eq!(delayed(sum).call(&list).compute()?, 6);
    assert_eq!(delayed(sum).call(vec![4, 5]).compute()?, 9);
    assert_eq!(delayed(sum).call(vec![list.map(|l| l[0]), list.map(|l| l[2])]).compute()?, 4);
    assert_eq!(delayed(count).call(list.clone()).compute()?, 3);
    assert_eq!(delayed(count).call(vec![1]).compute()?, 1);
    assert_eq!(delayed(length).call("abc").compute()?, 3);
    assert_eq!(delayed(length).call(String::from("abcd")).compute()?, 4);
    assert_eq!(delayed(length).call(Delayed::value(String::from("ab"))).compute()?, 2);
    assert_eq!(delayed(ending).call(std::path::PathBuf::from("a/b.csv")).compute()?, "csv");
    assert_eq!(delayed(sum).call(Delayed::value(Arc::new(vec![1_i64])).map(|l| l.to_vec())).compute()?, 1);
    Ok(())
}

/// Counts its clones.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.0))
    }
}

#[test]
fn the_only_user_gets_the_value_itself() -> partita::Result<()> {
    let clones = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&clones);
    let make = delayed(move || Counted(Arc::clone(&own)));
    let pass = delayed(|counted: Counted| counted);
    pass.call(pass.call(pass.call(make.call()))).compute()?;
    assert_eq!(clones.load(Ordering::Relaxed), 0);

    let shared = make.call();
    let (left, right) = (pass.call(&shared), pass.call(&shared));
    partita::compute_all((left, right))?;
    assert!(clones.load(Ordering::Relaxed) <= 2, "at most one clone per further user");
    Ok(())
}

/// A type that cannot be cloned.
struct Unique(i64);

#[test]
fn values_that_cannot_be_cloned_are_lent_or_moved() -> partita::Result<()> {
    let unique = delayed(|| Unique(5)).call();
    assert_eq!(unique.map(|unique| unique.0).compute()?, 5);
    let taken = delayed(|unique: Unique| unique.0 + 1).call(unique.clone().moved()).name("take");
    assert_eq!(taken.compute()?, 6);
    assert_eq!(unique.compute_shared()?.0, 5);

    let other = unique.name("unique").map(|unique| unique.0);
    let error = partita::compute_all((taken, other)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value of `unique` cannot be moved into `take`: it has other users too; let the function take a reference"
    );
    let kept = Delayed::value(Unique(1)).name("kept");
    let error = delayed(|unique: Unique| unique.0).call(kept.moved()).name("take").compute().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("is kept by its node"), "{error}");
    let again = delayed(|unique: Unique| unique.0).call(delayed(|| Unique(1)).call().moved()).retries(1);
    assert!(again.compute().unwrap_err().to_string().contains("cannot be tried again"));
    Ok(())
}

#[test]
fn operators_of_all_kinds() -> partita::Result<()> {
    let (a, b) = (Delayed::value(12_i32), Delayed::value(5_i32));
    let all = gather(vec![
        &a + &b,
        &a - &b,
        &a * &b,
        &a / &b,
        &a % &b,
        &a & &b,
        &a | &b,
        &a ^ &b,
        &a << 2,
        &a >> 2,
        -&a,
        !a.clone(),
        100 - a.clone(),
        a.clone() + &b,
    ]);
    let expected = vec![17, 7, 60, 2, 2, 4, 13, 9, 48, 3, -12, -13, 88, 17];
    assert_eq!(all.compute()?, expected);
    let compared = (a.eq(12), a.ne(&b), a.lt(&b), a.le(12), a.gt(b.clone()), a.ge(13));
    assert_eq!(partita::compute_all(compared)?, (true, true, false, true, true, false));
    assert_eq!((Delayed::value(1.5_f64) * 2.0).compute()?, 3.0);
    assert!(!(Delayed::value(true) & Delayed::value(false)).compute()?);
    assert_eq!((Delayed::value("a".to_owned()) + Delayed::value("b")).compute()?, "ab");
    Ok(())
}

#[test]
fn shapes_become_one_value_and_back() -> partita::Result<()> {
    let inc = delayed(|x: i64| x + 1);
    let list = gather((0..3).map(|x| inc.call(x)).collect::<Vec<_>>());
    assert_eq!(list.compute()?, [1, 2, 3]);
    let map: HashMap<&str, Delayed<i64>> = HashMap::from([("a", inc.call(1)), ("b", inc.call(2))]);
    assert_eq!(gather(map.clone()).compute()?, HashMap::from([("a", 2), ("b", 3)]));
    let most = delayed(|values: HashMap<&'static str, i64>| values.into_values().max());
    assert_eq!(most.call(map).compute()?, Some(3));
    let nested = gather((gather([inc.call(1), inc.call(2)]), inc.call(9), Delayed::value('x')));
    assert_eq!(nested.compute()?, ([2, 3], 10, 'x'));
    assert_eq!(inc.call(1).zip(&inc.call(2)).compute()?, (2, 3));
    let longest = delayed(|all: Vec<&String>| all.into_iter().map(String::len).max());
    let texts = ["a", "bcd"].map(|text| Delayed::value(text.to_owned()));
    assert_eq!(longest.call(Vec::from(texts)).compute()?, Some(3));
    Ok(())
}

#[test]
fn a_node_with_several_outputs_runs_once() -> partita::Result<()> {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let divide = delayed(move |a: i64, b: i64| {
        count.fetch_add(1, Ordering::Relaxed);
        (a / b, a % b)
    });
    let (quotient, rest) = divide.call(17, 5).split();
    assert_eq!(partita::compute_all((&quotient + &rest, &quotient, &rest))?, (5, 3, 2));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let [first, .., last] = delayed(|| [1_i64, 2, 3, 4]).call().split();
    assert_eq!((first * last).compute()?, 4);
    let parts = delayed(|| vec![Unique(1).0, 2, 3]).call().split_into(3);
    assert_eq!(gather(parts).compute()?, [1, 2, 3]);
    let wrong = delayed(|| vec![1]).call().split_into(2).swap_remove(0);
    let error = wrong.compute().unwrap_err().to_string();
    assert!(error.contains("1 parts were made but 2 were declared in `split_into`"), "{error}");
    let (unique, text) = delayed(|| (Unique(3), "x")).call().moved().split();
    assert_eq!(unique.map(|unique| unique.0).zip(&text).compute()?, (3, "x"));
    Ok(())
}

#[test]
fn pure_calls_with_equal_arguments_are_one() -> partita::Result<()> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    fn slow(x: i64, y: &str) -> i64 {
        RUNS.fetch_add(1, Ordering::Relaxed);
        x + y.len() as i64
    }
    let pure = delayed(slow).pure();
    let calls = vec![
        pure.call(1, "a"),
        pure.call(1, "a"),
        pure.call(2, "a"),
        pure.call(pure.call(1, "a"), "b"),
        pure.call(pure.call(1, "a"), "b"),
        delayed(slow).name("another name").pure().call(1, "a"),
        delayed(slow).call(1, "a"),
    ];
    assert_eq!(gather(calls).compute()?, [2, 2, 3, 3, 3, 2, 2]);
    assert_eq!(RUNS.load(Ordering::Relaxed), 5);
    Ok(())
}
