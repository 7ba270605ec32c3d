//! The steps of a life history, and the terms under which it is played.

use serde_json::{Value, json};

/// What is true of a history as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Seed of what the simulators draw.
    pub seed: u64,
    /// Which cloud: the place in [`crate::CLOUDS`].
    pub cloud: usize,
    /// How many destinations the rule has.
    pub destinations: usize,
    /// The rule's `max_lag`, in hours.
    pub lag_h: u32,
    /// The rule's `rpo`, in hours.
    pub rpo_h: Option<u32>,
    /// Whether a copy that was lost is made again.
    pub restart_lost: bool,
    /// How long the rule keeps its copies, in hours: what goes after that is no loss.
    pub keep_h: Option<u32>,
    /// How many copies one sweep may start.
    pub most: Option<u32>,
    /// How long a copy runs, in minutes.
    pub copy_min: u32,
    /// How long a new copy is not to be seen, in seconds.
    pub hidden_s: u32,
}

/// What is done to the account, the network, or the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A backup of a resource is finished.
    Make {
        /// The backup's number.
        backup: u16,
        /// The resource's number.
        resource: u8,
        /// What kind it is.
        kind: Kind,
    },
    /// A backup is renamed: into what the rule selects, or out of it.
    Rename {
        /// The backup's number.
        backup: u16,
        /// Whether the rule selects it afterwards.
        inside: bool,
    },
    /// A source backup is deleted.
    Remove {
        /// The backup's number.
        backup: u16,
    },
    /// All copies of a backup in one destination are deleted.
    RemoveCopy {
        /// The backup's number.
        backup: u16,
        /// The destination's number.
        at: u8,
    },
    /// Something goes wrong from now on, or once.
    Trouble(Trouble),
    /// All troubles end.
    Mend,
    /// An event names a backup, perhaps twice.
    Event {
        /// The backup's number.
        backup: u16,
        /// Whether it is delivered twice.
        twice: bool,
    },
    /// The next invocation dies after so many requests.
    Crash {
        /// The number of requests.
        after: u8,
    },
    /// The ledger, with all notes, is lost.
    LoseLedger,
    /// Time passes.
    Pass {
        /// In minutes.
        minutes: u32,
    },
    /// A person accepts for three days that a resource is not protected, for whatever cause the report names.
    Accept {
        /// The resource's number.
        resource: u8,
    },
    /// The rule is edited: another `max_lag`, in hours.
    Lag {
        /// In hours.
        hours: u32,
    },
    /// The rule is edited: it leaves a resource out from now on.
    Exclude {
        /// The resource's number.
        resource: u8,
    },
    /// A sweep.
    Sweep,
    /// A look at what was accepted.
    Look,
}

/// What kind of backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that can be copied.
    Plain,
    /// One that cannot.
    Fixed,
    /// One that the rule does not select by its name.
    Outside,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The next copy is accepted, and fails when it is due.
    FailLater,
    /// The next calls are throttled.
    Throttle,
    /// The next start is applied, and its reply is lost.
    LoseReply,
    /// The next start is lost before it is applied.
    LoseCall,
    /// The next start is answered with an error after it was applied.
    Error,
    /// Starts are refused for lack of quota, until that is mended.
    Quota,
    /// A destination answers nothing but errors, until that is mended.
    Dark(u8),
    /// A destination does not answer at all, until that is mended.
    Silent(u8),
    /// The source answers nothing but errors, until that is mended.
    DarkSource,
    /// One source type cannot be listed, where there are any, until that is mended.
    DarkType,
    /// The key is not the right one any more, until that is mended.
    Key,
    /// The queue takes no message, until that is mended.
    Queue,
    /// The product's clock is off by so many minutes, until that is mended.
    Clock(i8),
    /// A person has paused all starts, until that is mended.
    Pause,
}

/// A history that can be played again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Its seed.
    pub seed: u64,
    /// The terms.
    pub terms: Terms,
    /// The steps, each with its number, which it keeps when others are dropped.
    pub steps: Vec<(usize, Step)>,
}

/// The history as a short table.
pub fn table(history: &History) -> String {
    let numbers: Vec<String> = history.steps.iter().map(|(number, _)| number.to_string()).collect();
    let mut text = format!("seed {}, steps {}\n{:?}\n", history.seed, numbers.join(","), history.terms);
    for (number, step) in &history.steps {
        text.push_str(&format!("{number:>4}  {step:?}\n"));
    }
    text
}

impl Terms {
    /// The objective as a policy has it.
    pub(crate) fn objective(&self) -> Value {
        let mut objective = json!({ "max_lag": format!("{}h", self.lag_h) });
        if let Some(rpo) = self.rpo_h {
            objective["rpo"] = json!(format!("{rpo}h"));
        }
        objective
    }

    /// The limits as a policy has them.
    pub(crate) fn limits(&self) -> Value {
        let mut limits = json!({ "allow_empty": true, "restart_lost": self.restart_lost });
        if let Some(most) = self.most {
            limits["max_new_per_sweep"] = json!(most);
        }
        limits
    }
}
