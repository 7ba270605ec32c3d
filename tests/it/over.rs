//! Stores that stand in front of another one. What they leave alone goes on to it.

/// Calls of a ledger, or of notes, that go on to `self.inner` as they are.
macro_rules! goes_on {
    () => {};
    (get $($more:ident)*) => {
        fn get<'a>(
            &'a self,
            key: &'a offsite_shared::model::command::Key,
        ) -> $crate::over::Answer<'a, Option<offsite_shared::ledger::Record>> {
            self.inner.get(key)
        }
        goes_on!($($more)*);
    };
    (put $($more:ident)*) => {
        fn put<'a>(
            &'a self,
            record: &'a offsite_shared::ledger::Record,
            expect: &'a offsite_shared::ledger::store::Expect,
        ) -> $crate::over::Answer<'a, offsite_shared::ledger::store::Put> {
            self.inner.put(record, expect)
        }
        goes_on!($($more)*);
    };
    (list $($more:ident)*) => {
        fn list<'a>(
            &'a self,
            filter: &'a offsite_shared::ledger::store::RecordFilter,
            after: Option<&'a offsite_shared::model::command::Key>,
            limit: u32,
        ) -> $crate::over::Answer<'a, offsite_shared::ledger::store::RecordPage> {
            self.inner.list(filter, after, limit)
        }
        goes_on!($($more)*);
    };
    (count $($more:ident)*) => {
        fn count(&self) -> $crate::over::Answer<'_, std::collections::BTreeMap<String, u64>> {
            self.inner.count()
        }
        goes_on!($($more)*);
    };
    (pauses $($more:ident)*) => {
        fn pause_of<'a>(
            &'a self,
            credential: &'a offsite_shared::model::access::CredentialName,
        ) -> $crate::over::Answer<'a, Option<offsite_shared::model::access::Pause>> {
            self.inner.pause_of(credential)
        }

        fn pause<'a>(
            &'a self,
            credential: &'a offsite_shared::model::access::CredentialName,
            pause: &'a offsite_shared::model::access::Pause,
        ) -> $crate::over::Answer<'a, ()> {
            self.inner.pause(credential, pause)
        }
        goes_on!($($more)*);
    };
    (note $($more:ident)*) => {
        fn note<'a>(
            &'a self,
            name: &'a str,
        ) -> $crate::over::Answer<'a, Option<offsite_shared::ledger::store::Note>> {
            self.inner.note(name)
        }
        goes_on!($($more)*);
    };
    (drop_note $($more:ident)*) => {
        fn drop_note<'a>(&'a self, name: &'a str) -> $crate::over::Answer<'a, ()> {
            self.inner.drop_note(name)
        }
        goes_on!($($more)*);
    };
}
pub(crate) use goes_on;

/// What a store answers.
pub type Answer<'a, T> = offsite_shared::ports::Boxed<'a, Result<T, offsite_shared::ledger::store::LedgerError>>;
