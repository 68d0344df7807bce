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
                let oldest = self.values.iter().min_by_key(|(_, (_, used))| *used);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    self.values.remove(&oldest);
                }
            }
            self.values.insert(key.clone(), (value, 0));
        }
        let (value, used) = self.values.get_mut(key).expect("it is there, or was made");
        *used = self.clock;
        Ok(value)
    }
}
