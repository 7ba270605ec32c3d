//! What became of passwords: one that was refused is not sent again for a while, for its account in any region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::exchanges::NotGot;
use crate::model::error::Error;
use crate::model::text::hash_of;
use crate::model::time::later;
use crate::ports::Clock;

/// How long nothing is asked again after a token service or password check refused: repeating a wrong password locks the user.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(300);

/// What is known of the password of one account.
#[derive(Default)]
struct Known {
    /// A hash of domain, user and password: another one is asked about anew.
    password: String,
    /// Why it was refused, and until when it is not sent again; absent if it was accepted.
    refused: Option<(Error, Timestamp)>,
}

/// The passwords of all accounts. Of one that is not known to be right only one region asks at a time: five wrong ones in a row lock a user.
#[derive(Default)]
pub(super) struct Passwords(StdMutex<HashMap<String, Arc<Mutex<Known>>>>);

impl Passwords {
    /// Does `asked`, which sends the password, unless it was refused lately in whichever region.
    ///
    /// # Errors
    /// That of `asked`, or the refusal that is known.
    pub(super) async fn ask<T>(
        &self,
        (account, parts): (&str, [&str; 3]),
        clock: &dyn Clock,
        asked: impl Future<Output = Result<T, NotGot>>,
    ) -> Result<T, NotGot> {
        let password = hash_of(&parts);
        let known = {
            let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.entry(account.to_owned()).or_default().clone()
        };
        let mut turn = known.lock().await;
        let mut is_right = false;
        if turn.password == password {
            match &turn.refused {
                Some((error, until)) if clock.now() < *until => {
                    return Err(NotGot { error: error.clone(), is_final: true });
                }
                refused => is_right = refused.is_none(),
            }
        }
        let outcome = if is_right {
            drop(turn);
            let outcome = asked.await;
            turn = known.lock().await;
            outcome
        } else {
            asked.await
        };
        let refused = match &outcome {
            Ok(_) => None,
            // It was right before: this project may be closed to it, or it was changed. The next one to ask finds out, alone.
            Err(NotGot { is_final: true, .. }) if is_right => {
                *turn = Known::default();
                return outcome;
            }
            Err(NotGot { error, is_final: true }) => Some((error.clone(), later(clock.now(), REFUSED_FOR))),
            // Nobody knows whether it is right.
            Err(_) => return outcome,
        };
        *turn = Known { password, refused };
        outcome
    }
}
