//! Random frames and random chains: the engine, in every way in which it may run, against the oracle.
//!
//! proptest draws a list of numbers; `frame.rs` and `chain.rs` read frames and chains off it, so that whatever
//! proptest makes of the list while it shrinks is a chain that binds. The seed is fixed, so that a run can be
//! repeated; `PARTITA_SEED` and `PARTITA_CASES` choose others.

mod chain;
mod frame;

use partita::PartitionedFrame;
use proptest::collection::vec;
use proptest::num::u32;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::check::{Order, try_check};
use crate::oracle::step::Step;
use crate::rows::Rows;
use chain::Chain;

/// Numbers that decide what is drawn; zeros when they are used up.
struct Draws<'a> {
    numbers: &'a [u32],
}

impl Draws<'_> {
    fn number(&mut self) -> u32 {
        match self.numbers.split_first() {
            Some((first, rest)) => {
                self.numbers = rest;
                *first
            }
            None => 0,
        }
    }

    /// Below `n`, which must not be 0.
    fn pick(&mut self, n: usize) -> usize {
        self.number() as usize % n
    }

    /// True once in `n` times, and not when the numbers are used up.
    fn rarely(&mut self, n: u32) -> bool {
        self.number() % n == n - 1
    }

    fn of<'b, T>(&mut self, some: &'b [T]) -> Option<&'b T> {
        if some.is_empty() { None } else { some.get(self.pick(some.len())) }
    }
}

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn compare(chain: &Chain) -> Result<(), String> {
    let steps: &[Step] = &chain.steps;
    let apply = |inputs: &[PartitionedFrame]| {
        steps.iter().fold(inputs[0].clone(), |frame, step| step.apply(&frame, inputs))
    };
    let order = if chain.ordered { Order::Fixed } else { Order::Free };
    let got =
        try_check(&chain.batches, order, &apply)?.map_err(|error| format!("the engine fails: {error}"))?;
    let expected: &Rows = &chain.rows;
    got.difference(expected, chain.ordered, false)
        .map_or(Ok(()), |difference| Err(format!("the engine and the oracle: {difference}")))
}

fn engine_equals_oracle(seed: u64, cases: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&vec(u32::ANY, 0..160), |numbers| {
        let chain = Chain::draw(&mut Draws { numbers: &numbers });
        compare(&chain).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(reason, numbers)) = &result {
        let chain = Chain::draw(&mut Draws { numbers });
        panic!(
            "{reason}\nseed {seed}, inputs:\n{}\nsteps: {:#?}",
            chain.inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            chain.steps
        );
    }
    result.expect("the runner works");
}

#[test]
fn random_chains_agree_with_the_oracle() {
    engine_equals_oracle(environment("PARTITA_SEED", 1), environment("PARTITA_CASES", 64) as u32);
}

#[test]
fn random_chains_agree_with_the_oracle_from_another_seed() {
    engine_equals_oracle(environment("PARTITA_SEED", 1) + 1, environment("PARTITA_CASES", 64) as u32);
}
