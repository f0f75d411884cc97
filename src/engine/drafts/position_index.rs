//! [`PositionIndex`]: a hash table from n-gram to the place where it was last seen.

/// Open addressing with linear probing. It stores no n-grams: whoever finds a place compares the tokens there.
#[derive(Debug)]
pub(super) struct PositionIndex {
    slots: Vec<Slot>,
    used: usize,
}

/// `end` 0 is an empty slot: an n-gram ends at 1 at the earliest.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The low half of the n-gram's key. Where two n-grams share it (once among 100,000) the later
    /// one replaces the earlier.
    tag: u32,
    end: u32,
}

/// Slots of an empty index; a power of two, as ever after.
const MIN_SLOTS: usize = 256;

impl PositionIndex {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); MIN_SLOTS],
            used: 0,
        }
    }

    /// Makes room for `n` more n-grams at once, instead of by repeated doubling.
    pub(super) fn reserve(&mut self, n: usize) {
        let needed = (self.used + n) * 4 / 3 + 1;
        if needed > self.slots.len() {
            self.resize(needed.next_power_of_two());
        }
    }

    /// Records that the n-gram with this key ends at `end` (1..=`u32::MAX`); returns where it ended before.
    pub(super) fn replace(&mut self, key: u64, end: usize) -> Option<usize> {
        self.reserve(1);
        let new = Slot {
            tag: key as u32,
            end: end as u32,
        };
        let slot = find(&mut self.slots, new.tag);
        let old = std::mem::replace(slot, new);
        if old.end == 0 {
            self.used += 1;
            return None;
        }
        Some(old.end as usize)
    }

    /// Bytes of memory: 8 a slot; beyond the smallest size, 3/8 to 3/4 of the slots are in use.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); slots]);
        for slot in old.into_iter().filter(|slot| slot.end != 0) {
            *find(&mut self.slots, slot.tag) = slot;
        }
    }
}

/// The slot of a tag, or the empty one where it belongs. There is always an empty one.
fn find(slots: &mut [Slot], tag: u32) -> &mut Slot {
    let mask = slots.len() - 1;
    let mut at = tag as usize & mask;
    while slots[at].end != 0 && slots[at].tag != tag {
        at = (at + 1) & mask;
    }
    &mut slots[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn it_answers_like_a_map(keys in prop::collection::vec(0u64..600, 1..2000)) {
            let mut index = PositionIndex::new();
            let mut map = HashMap::new();
            for (at, &key) in keys.iter().enumerate() {
                // Spread over the slots by steps that collide.
                let key = key * 128;
                prop_assert_eq!(index.replace(key, at + 1), map.insert(key, at + 1));
            }
        }
    }

    #[test]
    fn memory_grows_with_what_is_stored() {
        let mut index = PositionIndex::new();
        (1..=100_000u64).for_each(|i| {
            index.replace(i, i as usize);
        });
        assert!(index.bytes() <= 100_000 * 24, "{}", index.bytes());
    }
}
