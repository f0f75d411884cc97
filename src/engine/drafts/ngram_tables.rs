//! [`NgramTables`]: one n-gram table a namespace.

use super::ngram_table::NgramTable;

/// The tables of an engine, one for each namespace (an API key), so that what one user writes is never
/// proposed to another: accepted drafts make answers come faster, which can be observed.
///
/// Memory is bounded: when there are too many namespaces, the one that was not used for the longest time
/// loses its table.
#[derive(Debug)]
pub struct NgramTables {
    tables: Vec<Owned>,
    max_namespaces: usize,
    clock: u64,
}

#[derive(Debug)]
struct Owned {
    namespace: u64,
    last_used: u64,
    table: NgramTable,
}

impl NgramTables {
    /// Room for this many namespaces (at least 1), of [`NgramTable::BYTES`] each. Nothing is allocated
    /// before it is used.
    #[must_use]
    pub fn new(max_namespaces: usize) -> Self {
        Self {
            tables: Vec::new(),
            max_namespaces: max_namespaces.max(1),
            clock: 0,
        }
    }

    /// The table of a namespace; an empty one if there was none.
    pub fn of(&mut self, namespace: u64) -> &mut NgramTable {
        self.clock += 1;
        let known = self.tables.iter().position(|t| t.namespace == namespace);
        let index = known.unwrap_or_else(|| self.make_room(namespace));
        let owned = &mut self.tables[index];
        owned.last_used = self.clock;
        &mut owned.table
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.len() * NgramTable::BYTES
    }

    /// Gives a namespace an empty table: a new one, or that of the namespace that is given up.
    fn make_room(&mut self, namespace: u64) -> usize {
        let oldest = (0..self.tables.len()).min_by_key(|&i| self.tables[i].last_used);
        if let Some(index) = oldest.filter(|_| self.tables.len() >= self.max_namespaces) {
            self.tables[index].table.clear();
            self.tables[index].namespace = namespace;
            return index;
        }
        self.tables.push(Owned {
            namespace,
            last_used: self.clock,
            table: NgramTable::new(),
        });
        self.tables.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama::Token;

    #[test]
    fn namespaces_know_nothing_of_each_other() {
        let mut tables = NgramTables::new(2);
        tables.of(1).insert(42, Token(5));
        assert_eq!(tables.of(1).get(42), Some(Token(5)));
        assert_eq!(tables.of(2).get(42), None);
    }

    #[test]
    fn the_namespace_unused_for_longest_is_given_up_and_its_text_is_gone() {
        let mut tables = NgramTables::new(2);
        tables.of(1).insert(42, Token(1));
        tables.of(2).insert(42, Token(2));
        tables.of(1);
        assert_eq!(tables.of(3).get(42), None, "the table of namespace 2");
        assert_eq!(tables.of(1).get(42), Some(Token(1)));
        assert_eq!(tables.of(2).get(42), None);
        assert_eq!(tables.bytes(), 2 * NgramTable::BYTES);
    }
}
