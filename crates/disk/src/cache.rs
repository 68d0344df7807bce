//! What was read last, up to a number.

use std::collections::HashMap;
use std::hash::Hash;

/// Keeps the values that were used last.
pub(crate) struct Cache<K, V> {
    values: HashMap<K, (V, u64)>,
    most: usize,
    clock: u64,
}

impl<K: Clone + Eq + Hash, V> Cache<K, V> {
    /// Keeps `most` values, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self { values: HashMap::new(), most: most.max(1), clock: 0 }
    }

    /// The value of a key, made if it is not there.
    pub(crate) fn get_or_make<E>(
        &mut self,
        key: &K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&V, E> {
        self.clock += 1;
        if !self.values.contains_key(key) {
            let value = make()?;
            if self.values.len() >= self.most {
                self.forget();
            }
            self.values.insert(key.clone(), (value, 0));
        }
        let (value, used) = self.values.get_mut(key).expect("it is there, or was made");
        *used = self.clock;
        Ok(value)
    }

    /// Makes room: forgets the half that was not used for longest, which costs less than looking for
    /// the oldest of all each time.
    fn forget(&mut self) {
        let mut uses: Vec<u64> = self.values.values().map(|(_, used)| *used).collect();
        let middle = uses.len() / 2;
        let (_, middle, _) = uses.select_nth_unstable(middle);
        let newest = *middle;
        self.values.retain(|_, (_, used)| *used > newest);
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
}
