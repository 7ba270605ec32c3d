//! Draws a history by its seed.

use fastrand::Rng;

use crate::step::{History, Kind, Step, Terms, Trouble};

/// The history of this seed.
pub fn history(seed: u64) -> History {
    let mut rng = Rng::with_seed(seed);
    let cloud = usize::try_from(seed % 3).unwrap_or_default();
    let mut terms = Terms {
        seed,
        cloud,
        destinations: if cloud == 0 { 1 } else { rng.usize(1..=2) },
        lag_h: *rng.choice([6, 24].iter()).unwrap_or(&24),
        rpo_h: (rng.u8(0..6) == 0).then_some(200),
        restart_lost: rng.u8(0..4) > 0,
        keep_h: None,
        most: (rng.u8(0..4) == 0).then(|| rng.u32(1..=3)),
        copy_min: *rng.choice([20, 60, 180, 3_600].iter()).unwrap_or(&60),
        hidden_s: *rng.choice([0, 0, 30].iter()).unwrap_or(&0),
    };
    if terms.rpo_h.is_none() && rng.u8(0..5) == 0 {
        terms.keep_h = Some(60);
    }
    let count = rng.usize(8..=26);
    let mut drawer = Drawer { rng, terms, made: 0, steps: Vec::new() };
    if drawer.rng.u8(0..2) == 0 {
        drawer.scene();
    }
    while drawer.steps.len() < count {
        drawer.draw();
    }
    let Drawer { terms, steps, .. } = drawer;
    History { seed, terms, steps: steps.into_iter().enumerate().collect() }
}

struct Drawer {
    rng: Rng,
    terms: Terms,
    made: u16,
    steps: Vec<Step>,
}

impl Drawer {
    fn draw(&mut self) {
        match self.rng.u8(0..100) {
            0..=20 => self.make(),
            21..=40 => self.steps.push(Step::Sweep),
            41..=50 => self.steps.push(Step::Look),
            51..=54 => self.with_backup(|backup, rng| Step::RemoveCopy { backup, at: rng.u8(0..2) }),
            55..=68 => self.pass(),
            69..=73 => self.with_backup(|backup, _| Step::Remove { backup }),
            74 | 75 => self.with_backup(|backup, rng| Step::Rename { backup, inside: rng.u8(0..3) == 0 }),
            76..=79 => self.with_backup(|backup, rng| Step::RemoveCopy { backup, at: rng.u8(0..2) }),
            80..=83 => self.trouble(),
            84..=88 => self.scene(),
            89..=92 => self.steps.push(Step::Mend),
            93..=95 => self.with_backup(|backup, rng| Step::Event { backup, twice: rng.bool() }),
            96 => {
                let after = self.rng.u8(1..30);
                self.steps.push(Step::Crash { after });
                self.steps.push(Step::Sweep);
            }
            97 => match self.rng.u8(0..2) {
                0 => {
                    let hours = if self.rng.bool() { 6 } else { 24 };
                    self.steps.push(Step::Lag { hours });
                }
                _ => {
                    let resource = self.rng.u8(0..4);
                    self.steps.push(Step::Exclude { resource });
                }
            },
            98 => {
                let resource = self.rng.u8(0..4);
                self.steps.push(Step::Accept { resource });
            }
            _ if self.rng.u8(0..3) == 0 => self.steps.push(Step::LoseLedger),
            _ => self.steps.push(Step::Sweep),
        }
    }

    /// A few steps that belong together, so that what they are about occurs often enough.
    fn scene(&mut self) {
        self.steps.push(Step::Mend);
        let make = |drawer: &mut Drawer, resource: u8, kind: Kind| {
            drawer.steps.push(Step::Make { backup: drawer.made, resource, kind });
            drawer.made += 1;
        };
        let resource = self.rng.u8(0..4);
        match self.rng.u8(0..8) {
            0 | 1 => {
                self.steps.push(Step::Trouble(Trouble::Quota));
                make(self, resource, Kind::Plain);
                self.steps.push(Step::Sweep);
                self.steps.push(Step::Mend);
            }
            2 | 3 => {
                self.steps.push(Step::Trouble(Trouble::Queue));
                make(self, resource, Kind::Plain);
                self.steps.push(Step::Sweep);
                self.steps.push(Step::Mend);
            }
            4 | 5 => {
                let at = self.rng.u8(0..2);
                let trouble = if self.rng.bool() { Trouble::Dark(at) } else { Trouble::Silent(at) };
                self.steps.push(Step::Trouble(trouble));
                make(self, resource, Kind::Plain);
                self.steps.push(Step::Sweep);
            }
            6 if self.terms.cloud == 0 => {
                // A job that goes at once, before its pair has carried it.
                let backup = self.made;
                self.steps.push(Step::Trouble(Trouble::Pause));
                make(self, resource, Kind::Plain);
                self.steps.push(Step::Sweep);
                self.steps.push(Step::Mend);
                self.steps.push(Step::Remove { backup });
            }
            _ => {
                // One that the rule has not known before.
                let resource = self.rng.u8(4..40);
                make(self, resource, Kind::Fixed);
            }
        }
    }

    fn make(&mut self) {
        let kind = match self.rng.u8(0..12) {
            0 => Kind::Fixed,
            1 => Kind::Outside,
            _ => Kind::Plain,
        };
        let resource = self.rng.u8(0..4);
        self.steps.push(Step::Make { backup: self.made, resource, kind });
        self.made += 1;
        if self.rng.u8(0..3) > 0 {
            self.steps.push(Step::Sweep);
        }
    }

    fn with_backup(&mut self, step: impl FnOnce(u16, &mut Rng) -> Step) {
        if self.made > 0 {
            let backup = self.rng.u16(0..self.made);
            let step = step(backup, &mut self.rng);
            self.steps.push(step);
        }
    }

    fn pass(&mut self) {
        let minutes = match self.rng.u8(0..8) {
            0 => 7,
            1 | 2 => self.terms.copy_min + 2,
            3 => self.terms.lag_h * 60 + 30,
            4 => 49 * 60,
            _ => self.rng.u32(16..400),
        };
        self.steps.push(Step::Pass { minutes });
    }

    fn trouble(&mut self) {
        let trouble = match self.rng.u8(0..28) {
            0..=3 => Trouble::FailLater,
            4 | 5 => Trouble::Throttle,
            6..=8 => Trouble::LoseReply,
            9 | 10 => Trouble::LoseCall,
            11 | 12 => Trouble::Error,
            13..=16 => Trouble::Quota,
            17 | 18 => Trouble::Dark(self.rng.u8(0..2)),
            19 | 20 => Trouble::Silent(self.rng.u8(0..2)),
            21 => Trouble::DarkSource,
            22 => Trouble::Key,
            23 => Trouble::Queue,
            24 | 25 => Trouble::DarkType,
            26 => Trouble::Clock(self.rng.i8(-10..=10)),
            _ => Trouble::Pause,
        };
        self.steps.push(Step::Trouble(trouble));
        if self.rng.u8(0..4) > 0 {
            self.steps.push(Step::Sweep);
        }
    }
}
