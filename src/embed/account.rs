//! How many steps were encoded, and how many of them ran.

/// Counts steps. An encoder may be submitted at once, later, or never, and only the device knows: it tells how many steps
/// ran by then whenever a reading arrives, and an encoder that is dropped tells at once.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Steps that were encoded.
    encoded: u64,
    /// The newest reading that has arrived: how many steps had been encoded when it was, and how many had run before it.
    seen: u64,
    ran: u64,
    /// Steps of encoders that were dropped, newer than `seen`: how many had been encoded after them, and how many they are.
    dropped: Vec<(u64, u64)>,
}

impl Account {
    /// How many steps will have run before the one that is encoded next, if all whose fate is not known run.
    pub(super) fn next(&self) -> u64 {
        self.encoded - self.lost()
    }

    /// Steps that were encoded and have not run, though later ones have, or that cannot run any more.
    pub(super) fn lost(&self) -> u64 {
        self.seen - self.ran + self.dropped.iter().map(|(_, steps)| steps).sum::<u64>()
    }

    /// The steps that were encoded.
    pub(super) fn encoded(&self) -> u64 {
        self.encoded
    }

    /// The steps that are known to have run.
    pub(super) fn ran(&self) -> u64 {
        self.ran
    }

    /// More steps were encoded.
    pub(super) fn encode(&mut self, steps: usize) {
        self.encoded += steps as u64;
    }

    /// An encoder with so many steps was dropped, after which so many were encoded in all.
    pub(super) fn drop(&mut self, encoded: u64, steps: u64) {
        if encoded > self.seen && steps > 0 {
            self.dropped.push((encoded, steps));
        }
    }

    /// A reading has arrived.
    pub(super) fn read(&mut self, encoded: u64, ran: u64) {
        self.ran = self.ran.max(ran);
        // An encoder that was held back may run behind later ones.
        self.seen = self.seen.max(encoded).max(self.ran);
        self.encoded = self.encoded.max(self.seen);
        self.dropped.retain(|&(encoded, _)| encoded > self.seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_is_left_out() {
        let mut account = Account::default();
        account.encode(4);
        account.encode(3);
        account.encode(2);
        assert_eq!((account.next(), account.lost()), (9, 0), "all may run");
        account.drop(7, 3);
        assert_eq!((account.next(), account.lost()), (6, 3), "the second cannot");
        account.read(4, 4);
        assert_eq!((account.next(), account.ran()), (6, 4));
        account.read(9, 6);
        assert_eq!((account.next(), account.lost()), (6, 3), "and the reading of the third agrees");
        // The fourth is held back while the fifth runs, and runs at last.
        account.encode(5);
        account.encode(1);
        account.read(15, 7);
        assert_eq!((account.next(), account.lost()), (7, 8));
        account.read(14, 12);
        assert_eq!((account.next(), account.lost()), (12, 3));
        // A reading that was looked at late tells nothing new.
        account.read(9, 6);
        assert_eq!((account.next(), account.ran()), (12, 12));
    }
}
