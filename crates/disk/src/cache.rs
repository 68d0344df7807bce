//! What was read last, up to a number.

use std::collections::HashMap;
use std::hash::Hash;

/// Keeps the values that were used last.
pub(crate) struct Cache<K, V> {
    values: HashMap<K, Kept<V>>,
    most: usize,
    weight: usize,
    clock: u64,
}

struct Kept<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Clone + Eq + Hash, V> Cache<K, V> {
    /// Keeps values that weigh `most` together, and at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self { values: HashMap::new(), most, weight: 0, clock: 0 }
    }

    /// The value of a key, made if it is not there. It weighs one.
    pub(crate) fn get_or_make<E>(
        &mut self,
        key: &K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&V, E> {
        self.get_or_make_weighing(key, |_| 1, make)
    }

    /// The same for values of different weight.
    pub(crate) fn get_or_make_weighing<E>(
        &mut self,
        key: &K,
        weigh: impl FnOnce(&V) -> usize,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&V, E> {
        self.clock += 1;
        if !self.values.contains_key(key) {
            let value = make()?;
            let weight = weigh(&value);
            while !self.values.is_empty() && self.weight + weight > self.most {
                self.forget();
            }
            self.weight += weight;
            self.values.insert(key.clone(), Kept { value, weight, used: 0 });
        }
        let kept = self.values.get_mut(key).expect("it is there, or was made");
        kept.used = self.clock;
        Ok(&kept.value)
    }

    /// Makes room: forgets the half that was not used for longest, which costs less than looking for
    /// the oldest of all each time.
    fn forget(&mut self) {
        let mut uses: Vec<u64> = self.values.values().map(|kept| kept.used).collect();
        let middle = uses.len() / 2;
        let (_, middle, _) = uses.select_nth_unstable(middle);
        let newest = *middle;
        self.values.retain(|_, kept| kept.used > newest);
        self.weight = self.values.values().map(|kept| kept.weight).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_is_kept_and_never_more_than_asked_for() {
        for most in 1..9 {
            let mut cache = Cache::new(most);
            let mut made = 0;
            for round in 0..1000_usize {
                // Zero is asked for every other time.
                let key = if round % 2 == 0 { 0 } else { round };
                let value = cache.get_or_make(&key, || {
                    made += 1;
                    Ok::<_, ()>(key)
                });
                assert_eq!(value, Ok(&key));
                assert!(cache.values.len() <= most);
            }
            assert!(most < 3 || made == 501, "{made} of {most}");
        }
    }

    #[test]
    fn heavy_values_drive_out_light_ones() {
        let mut cache = Cache::new(100);
        for (key, weight) in [(1, 40), (2, 40), (3, 200), (4, 60), (5, 40), (6, 1)] {
            let value = cache.get_or_make_weighing(&key, |_| weight, || Ok::<_, ()>(weight));
            assert_eq!(value, Ok(&weight));
            assert!(cache.weight <= 100 || cache.values.len() == 1);
        }
    }
}
