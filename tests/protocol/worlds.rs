//! The worlds that others are made of, and what is asked of each.

use crate::properties::Mark;
use crate::provider::Guard;
use crate::search;
use crate::world::Kind::{
    Abandon, Adopt, Both, Delivery, Gone, Hand, Observe, Pause, Retry, Sweep, SweepOfRule, Twice, VaultWide,
};
use crate::world::{Begins, Front, WORKERS, World};

/// The core loop: two deliveries of one command, one fault, honest clocks, and a provider that guards nothing. A call may be applied
/// up to a minute after it was sent, a copy may be hidden for another one, and the wait is the two minutes that cover both.
pub const CORE: World = World {
    workers: &[Delivery(0), Delivery(0)],
    backups: 1,
    faults: 1,
    minutes: 3,
    deadline_s: 50,
    ends_processes: false,
    attempts: 5,
    wait: 2,
    delay: 1,
    hidden: 1,
    guard: Guard::None,
    finish: false,
    fail: false,
    delete: false,
    refusals: false,
    front: Front::Model,
    hold: false,
    lags: false,
    sleeps: false,
    begins: Begins::Empty,
    ahead: [0; WORKERS],
    ceiling: 0,
    reaches: &[],
    shows: &[],
};

/// The same where a call is applied in the minute of its sending or never: less time is enough, so more faults fit in.
pub const SHORT: World = World { wait: 1, delay: 0, minutes: 2, ..CORE };

/// A copy fails, or is lost once it was made, and a person has it tried again.
pub const RETRIED: World = World {
    workers: &[Delivery(0), Delivery(0), Observe, Retry],
    attempts: 1,
    faults: 0,
    minutes: 1,
    finish: true,
    fail: true,
    delete: true,
    ceiling: 60_000,
    reaches: &[Mark::Retried, Mark::Failed, Mark::Lost, Mark::SecondAttempt],
    ..SHORT
};

/// What every world with two deliveries must come across.
pub const LOOP: &[Mark] = &[
    Mark::Accepted,
    Mark::Replicated,
    Mark::InDoubt,
    Mark::TakeOver,
    Mark::LateSettle,
    Mark::Adopted,
    Mark::CalledAgain,
    Mark::Conflict,
    Mark::LateCall,
    Mark::Drained,
];

/// Explores a world and fails on anything that it does not say of itself.
pub fn holds(name: &str, world: World) {
    let explored = search::explore(world);
    println!("{}", explored.told(name));
    if let Err(why) = explored.judged(name) {
        panic!("{why}");
    }
}

/// The worlds of the full set with their names, the largest ones first.
pub fn full() -> Vec<(&'static str, World)> {
    const ENDS: World = World { finish: true, fail: true, delete: true, ..CORE };
    const LARGE: usize = 40_000_000;
    let of = |name, world: World| (name, World { ceiling: LARGE, ..world });
    vec![
        of("2 deliveries and a look, copies end", World { workers: &[Delivery(0), Delivery(0), Observe], ..ENDS }),
        of("a delivery and 2 looks, copies end", World { workers: &[Delivery(0), Observe, Observe], ..ENDS }),
        of("2 deliveries, 3 faults", World { faults: 3, minutes: 4, reaches: LOOP, ..CORE }),
        of("3 deliveries, 1 fault", World { workers: &[Delivery(0); 3], reaches: LOOP, ..CORE }),
        of(
            "a delivery and a vault-wide call, 2 faults",
            World { workers: &[Delivery(0), VaultWide], faults: 2, finish: true, guard: Guard::WhileThere, ..CORE },
        ),
        of(
            "2 deliveries, a call may be late by 2 minutes",
            World { faults: 2, delay: 2, wait: 3, minutes: 5, reaches: LOOP, ..CORE },
        ),
        of(
            "2 vault-wide calls, 2 backups, 2 faults",
            World { workers: &[VaultWide, VaultWide], backups: 2, faults: 2, guard: Guard::WhileThere, ..CORE },
        ),
        of(
            "a delivery, a vault-wide call and a sweep",
            World { workers: &[Delivery(0), VaultWide, Sweep], minutes: 2, guard: Guard::WhileThere, ..CORE },
        ),
        of("2 deliveries, copies end, 2 faults", World { faults: 2, finish: true, minutes: 4, ..CORE }),
        of(
            "a delivery, a vault-wide call and a look",
            World {
                workers: &[Delivery(0), VaultWide, Observe],
                faults: 0,
                finish: true,
                fail: true,
                guard: Guard::WhileThere,
                ..CORE
            },
        ),
        of(
            "2 deliveries and a sweep, lists lag, 2 faults",
            World { workers: &[Delivery(0), Delivery(0), Sweep], faults: 2, minutes: 2, lags: true, ..CORE },
        ),
        of(
            "one delivery of two and one of one",
            World { workers: &[Both, Delivery(0)], backups: 2, minutes: 1, ..SHORT },
        ),
        of(
            "one delivery of a command twice and one of it",
            World { workers: &[Twice, Delivery(0)], minutes: 2, ..SHORT },
        ),
        of("2 deliveries, sleep is a step, 2 faults", World { sleeps: true, faults: 2, reaches: LOOP, ..CORE }),
        of(
            "2 deliveries and an adoption, 2 faults",
            World { workers: &[Delivery(0), Delivery(0), Adopt], faults: 2, minutes: 2, ..SHORT },
        ),
        of(
            "2 deliveries, given up, 2 faults",
            World { workers: &[Delivery(0), Delivery(0), Abandon], faults: 2, minutes: 2, ..SHORT },
        ),
        of("2 deliveries, held, 2 faults", World { hold: true, wait: 1, faults: 2, ..CORE }),
        of(
            "2 deliveries, and the source goes, 2 faults",
            World {
                workers: &[Delivery(0), Delivery(0), Gone],
                faults: 2,
                minutes: 2,
                refusals: true,
                guard: Guard::WhileThere,
                ..SHORT
            },
        ),
        of(
            "2 deliveries, stopped, 2 faults",
            World { workers: &[Delivery(0), Delivery(0), Pause], faults: 2, minutes: 2, deadline_s: 110, ..SHORT },
        ),
        of(
            "2 deliveries and another hand, 2 faults",
            World {
                workers: &[Delivery(0), Delivery(0), Hand],
                faults: 2,
                minutes: 2,
                guard: Guard::WhileThere,
                ..SHORT
            },
        ),
        of(
            "Tencent, 2 deliveries, 2 faults",
            World { front: Front::Tencent, faults: 2, finish: true, guard: Guard::WhileRunning, reaches: LOOP, ..CORE },
        ),
        of(
            "Tencent, 2 deliveries and a look",
            World {
                workers: &[Delivery(0), Delivery(0), Observe],
                front: Front::Tencent,
                finish: true,
                delete: true,
                minutes: 2,
                guard: Guard::WhileRunning,
                ..CORE
            },
        ),
        of(
            "Tencent, 2 sweeps of the rule",
            World {
                workers: &[SweepOfRule, SweepOfRule],
                front: Front::Tencent,
                guard: Guard::None,
                minutes: 1,
                ..SHORT
            },
        ),
        of(
            "Tencent, a delivery and a sweep of the rule, 2 faults",
            World {
                workers: &[Delivery(0), SweepOfRule],
                front: Front::Tencent,
                faults: 2,
                finish: true,
                minutes: 1,
                guard: Guard::WhileRunning,
                ..SHORT
            },
        ),
        of(
            "Huawei, 2 deliveries, 2 faults",
            World { front: Front::Huawei, faults: 2, finish: true, guard: Guard::WhileThere, reaches: LOOP, ..CORE },
        ),
        of(
            "Alibaba, 2 deliveries, 2 faults",
            World { front: Front::Alibaba, faults: 2, finish: true, guard: Guard::WhileThere, reaches: LOOP, ..CORE },
        ),
        of(
            "2 deliveries, clocks apart, 2 faults",
            World { faults: 2, ahead: [0, 1, 0, 0], ends_processes: true, wait: 3, minutes: 4, reaches: LOOP, ..CORE },
        ),
    ]
}
