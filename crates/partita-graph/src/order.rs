//! The static order: in which sequence one worker would run the tasks so that few results are alive.
//!
//! A depth-first walk from the outputs, made better in two places:
//! - Of a task's dependencies the one that needs most results alive at once goes first (the numbering that
//!   Sethi and Ullman gave for registers), ties in the order in which they were given.
//! - As soon as a task could run whose end would free a result (it is that result's last user and all its
//!   other inputs are there), it runs, even if the walk would have come to it later. So two reductions over
//!   the same partitions go side by side, instead of one keeping every partition alive for the other.
//!
//! Everything is a loop over vectors: linear in tasks and edges but for sorting dependency lists, and no
//! recursion. The order is the rank by which `schedule` picks among ready tasks.

use crate::edges::Edges;

#[cfg(test)]
mod tests;

/// What the order depends on. Tasks only depend on tasks with smaller numbers.
pub(crate) struct Shape<'a> {
    pub(crate) deps: &'a Edges,
    pub(crate) after: &'a Edges,
    pub(crate) priority: &'a [i32],
    pub(crate) outputs: &'a [u32],
}

impl Shape<'_> {
    fn len(&self) -> usize {
        self.priority.len()
    }

    /// All tasks that must be done before `task`.
    fn before(&self, task: usize) -> impl Iterator<Item = u32> + '_ {
        self.deps.of(task).iter().chain(self.after.of(task)).copied()
    }

    /// The edges `(dependency, user)` of needed tasks; with or without order-only ones.
    fn users(&self, needed: &[bool], with_after: bool) -> Edges {
        let needed_tasks = (0..self.len() as u32).filter(|&i| needed[i as usize]);
        let pairs = needed_tasks.flat_map(|user| {
            let after = if with_after { self.after.of(user as usize) } else { &[] };
            self.deps.of(user as usize).iter().chain(after).map(move |&dep| (dep, user))
        });
        Edges::from_pairs(self.len(), pairs)
    }
}

/// The tasks that the outputs need, dependencies first.
pub(crate) fn static_order(shape: &Shape<'_>) -> Vec<u32> {
    let needed = mark_needed(shape);
    let visit = visiting_order(shape, &needed);
    let mut walk = Walk::new(shape, &needed);
    for root in roots(shape, &needed) {
        walk.descend(root, &visit);
    }
    walk.order
}

fn mark_needed(shape: &Shape<'_>) -> Vec<bool> {
    let mut needed = vec![false; shape.len()];
    for &output in shape.outputs {
        needed[output as usize] = true;
    }
    // Dependencies have smaller numbers, so one sweep downwards meets every user before what it uses.
    for task in (0..shape.len()).rev() {
        if needed[task] {
            for dep in shape.before(task) {
                needed[dep as usize] = true;
            }
        }
    }
    needed
}

/// From where to start walking: urgent tasks first, then the outputs as they were asked for.
fn roots(shape: &Shape<'_>, needed: &[bool]) -> Vec<u32> {
    let priority = |task: &u32| std::cmp::Reverse(shape.priority[*task as usize]);
    let mut roots: Vec<u32> =
        (0..shape.len() as u32).filter(|&i| needed[i as usize] && shape.priority[i as usize] > 0).collect();
    roots.sort_by_key(priority);
    let mut outputs = shape.outputs.to_vec();
    outputs.sort_by_key(priority);
    roots.extend(outputs);
    roots
}

/// For each task what must be done before it, in the order in which to walk it.
fn visiting_order(shape: &Shape<'_>, needed: &[bool]) -> Edges {
    let mut visit = Edges::new();
    let mut need = vec![1_u32; shape.len()];
    for task in 0..shape.len() {
        if !needed[task] {
            visit.push(std::iter::empty());
            continue;
        }
        visit.push(shape.before(task));
        let list = visit.of_mut(task);
        // The sort is stable: equal ones stay in partition order.
        list.sort_by_key(|&dep| {
            (std::cmp::Reverse(shape.priority[dep as usize]), std::cmp::Reverse(need[dep as usize]))
        });
        let held_before = 0_u32..;
        let most =
            list.iter().zip(held_before).map(|(&dep, held)| need[dep as usize].saturating_add(held)).max();
        need[task] = most.unwrap_or(1);
    }
    visit
}

/// The walk itself: a simulated run on one worker.
struct Walk<'a> {
    shape: &'a Shape<'a>,
    users: Edges,
    /// How many uses of a task's result are to come; outputs have one that never comes.
    uses_left: Vec<u32>,
    /// Users of a task's result and tasks ordered after it.
    followers: Edges,
    /// How many tasks must still come before this one.
    missing: Vec<u32>,
    emitted: Vec<bool>,
    order: Vec<u32>,
    /// Tasks to emit ahead of the walk; a stack, so that one thread of work is followed to its end.
    eager: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(shape: &'a Shape<'a>, needed: &[bool]) -> Self {
        let users = shape.users(needed, false);
        let followers = shape.users(needed, true);
        let mut uses_left: Vec<u32> = (0..shape.len()).map(|i| users.of(i).len() as u32).collect();
        for &output in shape.outputs {
            uses_left[output as usize] += 1;
        }
        let missing = (0..shape.len()).map(|i| shape.before(i).count() as u32).collect();
        let emitted = vec![false; shape.len()];
        Walk { shape, users, uses_left, followers, missing, emitted, order: Vec::new(), eager: Vec::new() }
    }

    /// Emits `root` and all it needs.
    fn descend(&mut self, root: u32, visit: &Edges) {
        let mut stack = vec![(root, 0_usize)];
        while let Some((task, next)) = stack.last_mut() {
            if self.emitted[*task as usize] {
                stack.pop();
            } else if let Some(&dep) = visit.of(*task as usize).get(*next) {
                *next += 1;
                if !self.emitted[dep as usize] {
                    stack.push((dep, 0));
                }
            } else {
                let task = *task;
                stack.pop();
                self.emit(task);
                while let Some(task) = self.eager.pop() {
                    if !self.emitted[task as usize] {
                        self.emit(task);
                    }
                }
            }
        }
    }

    fn emit(&mut self, task: u32) {
        self.order.push(task);
        self.emitted[task as usize] = true;
        let first = self.eager.len();
        for &dep in self.shape.deps.of(task as usize) {
            self.uses_left[dep as usize] -= 1;
            if self.uses_left[dep as usize] == 1 {
                let last = self.users.of(dep as usize).iter().find(|&&user| !self.emitted[user as usize]);
                self.eager.extend(last.filter(|&&user| self.may_go_early(user)));
            }
        }
        for i in 0..self.followers.of(task as usize).len() {
            let follower = self.followers.of(task as usize)[i];
            self.missing[follower as usize] -= 1;
            if self.may_go_early(follower) && self.frees_a_result(follower) {
                self.eager.push(follower);
            }
        }
        // A stack gives back the last first: turn it, so that the first found goes first.
        self.eager[first..].reverse();
    }

    fn may_go_early(&self, task: u32) -> bool {
        self.missing[task as usize] == 0 && self.shape.priority[task as usize] >= 0
    }

    fn frees_a_result(&self, task: u32) -> bool {
        self.shape.deps.of(task as usize).iter().any(|&dep| self.uses_left[dep as usize] == 1)
    }
}
