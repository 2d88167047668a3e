//! How many steps were encoded, and how many of them have run.

/// Keeps count of the encoded steps: how many have run, and how many are lost. Encoders may be submitted at once, later or never, so the
/// host learns this only from readbacks and from dropped encoders.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Steps encoded so far.
    encoded: u64,
    /// How many steps had been encoded before the newest readback that has arrived.
    seen: u64,
    /// How many steps had run by then.
    ran: u64,
    /// Dropped encoders newer than `seen`: the number of steps encoded up to and including each, and the number in it.
    dropped: Vec<(u64, u64)>,
}

impl Account {
    /// How many steps will have run before the next encoded one, if all run that are not known to be lost.
    pub(super) fn next(&self) -> u64 {
        self.encoded - self.lost()
    }

    /// Encoded steps that have not run although later ones have, or that can no longer run.
    pub(super) fn lost(&self) -> u64 {
        self.seen - self.ran + self.dropped.iter().map(|(_, steps)| steps).sum::<u64>()
    }

    /// The number of steps encoded so far.
    pub(super) fn encoded(&self) -> u64 {
        self.encoded
    }

    /// The number of steps known to have run.
    pub(super) fn ran(&self) -> u64 {
        self.ran
    }

    /// Records that more steps were encoded.
    pub(super) fn encode(&mut self, steps: usize) {
        self.encoded += steps as u64;
    }

    /// Records that an encoder with `steps` steps was dropped; `encoded` counts all steps up to and including them.
    pub(super) fn drop(&mut self, encoded: u64, steps: u64) {
        if encoded > self.seen && steps > 0 {
            self.dropped.push((encoded, steps));
        }
    }

    /// Records a readback, before which `encoded` steps had been encoded, and `ran` steps had run.
    pub(super) fn read(&mut self, encoded: u64, ran: u64) {
        self.ran = self.ran.max(ran);
        // An encoder that was held back may run after later ones.
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
        // A readback that is seen late tells nothing new.
        account.read(9, 6);
        assert_eq!((account.next(), account.ran()), (12, 12));
    }
}
