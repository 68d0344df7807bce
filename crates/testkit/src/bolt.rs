//! Writes bbolt files, the key-value format of Trivy's advisory database.
//!
//! A file is built in memory and laid out in one go: every bucket is a B+tree whose pages are as
//! full as they can be, children before their parent, so that equal content gives equal bytes.
//! Format: <https://github.com/etcd-io/bbolt>, `internal/common/{page,meta,bucket}.go`, version 2.

use std::collections::BTreeMap;

const PAGE_SIZE: usize = 4096;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

const BRANCH_PAGE: u16 = 0x01;
const LEAF_PAGE: u16 = 0x02;
const META_PAGE: u16 = 0x04;
const FREELIST_PAGE: u16 = 0x10;

/// Set in the flags of a leaf element whose value is the header of a bucket.
const IS_BUCKET: u32 = 0x01;

/// Bytes of a page before its elements.
const PAGE_HEADER: usize = 16;
/// Bytes of an element apart from its key and value, on branch and leaf pages alike.
const ELEMENT_HEADER: usize = 16;

/// Pages at the start of the file: two metas and the freelist.
const FIRST_PAGES: usize = 3;

/// A bucket: keys in byte order, each with a value or a bucket of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket(BTreeMap<Vec<u8>, Item>);

/// What a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Value(Vec<u8>),
    Bucket(Bucket),
}

impl Bucket {
    /// Sets a value, in place of whatever the key had. The format has no empty keys.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.set(key.into(), Item::Value(value.into()));
    }

    /// Sets a bucket, in place of whatever the key had.
    pub fn put_bucket(&mut self, key: impl Into<Vec<u8>>, bucket: Self) {
        self.set(key.into(), Item::Bucket(bucket));
    }

    fn set(&mut self, key: Vec<u8>, item: Item) {
        assert!(!key.is_empty(), "bbolt has no empty keys");
        self.0.insert(key, item);
    }

    /// The bytes of a file that has this as its root bucket.
    pub fn to_file(&self) -> Vec<u8> {
        let mut file = File { bytes: vec![0; FIRST_PAGES * PAGE_SIZE] };
        let root = file.append_bucket(self);
        let pages = file.pages();
        for transaction in 0..2 {
            file.write_page(transaction, META_PAGE, 0, &meta(root, pages, transaction));
        }
        file.write_page(2, FREELIST_PAGE, 0, &[]);
        file.bytes
    }
}

/// An element of a page: a key, and the rest as it stands in the file.
struct Element<'a> {
    key: &'a [u8],
    target: Target<'a>,
}

enum Target<'a> {
    /// Leaf pages: a value.
    Value(&'a [u8]),
    /// Leaf pages: a bucket whose tree starts at this page.
    Bucket([u8; 16]),
    /// Branch pages: the page that holds this key and those after it.
    Page(u64),
}

impl Element<'_> {
    fn size(&self) -> usize {
        let value = match &self.target {
            Target::Value(value) => value.len(),
            Target::Bucket(header) => header.len(),
            Target::Page(_) => 0,
        };
        ELEMENT_HEADER + self.key.len() + value
    }
}

struct File {
    bytes: Vec<u8>,
}

impl File {
    /// How many pages there are.
    fn pages(&self) -> u64 {
        (self.bytes.len() / PAGE_SIZE) as u64
    }

    /// Appends the tree of a bucket; returns the page of its root.
    fn append_bucket(&mut self, bucket: &Bucket) -> u64 {
        let elements: Vec<_> = bucket
            .0
            .iter()
            .map(|(key, item)| Element {
                key,
                target: match item {
                    Item::Value(value) => Target::Value(value),
                    Item::Bucket(inner) => Target::Bucket(bucket_header(self.append_bucket(inner))),
                },
            })
            .collect();
        let mut level = self.append_level(LEAF_PAGE, &elements);
        while level.len() > 1 {
            level = self.append_level(BRANCH_PAGE, &level);
        }
        match level.first() {
            Some(Element { target: Target::Page(root), .. }) => *root,
            // A bucket without keys is an empty leaf.
            _ => self.append_page(LEAF_PAGE, &[]),
        }
    }

    /// Appends the pages of one level of a tree; returns the elements of the level above.
    fn append_level<'a>(&mut self, kind: u16, elements: &[Element<'a>]) -> Vec<Element<'a>> {
        // Every branch page needs two elements, or a level would be no shorter than the one below.
        let least = if kind == BRANCH_PAGE { 2 } else { 1 };
        let mut above = Vec::new();
        let mut rest = elements;
        while let Some(first) = rest.first() {
            let (page, after) = rest.split_at(elements_that_fit(rest, least));
            above.push(Element {
                key: first.key,
                target: Target::Page(self.append_page(kind, page)),
            });
            rest = after;
        }
        above
    }

    /// Appends one page, with overflow pages where its elements need them.
    fn append_page(&mut self, kind: u16, elements: &[Element<'_>]) -> u64 {
        let mut headers: Vec<u8> = Vec::new();
        let mut bodies: Vec<u8> = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            // The position of a body counts from its own header.
            let position = ELEMENT_HEADER * (elements.len() - index) + bodies.len();
            let key_size = u32_from(element.key.len());
            bodies.extend(element.key);
            match &element.target {
                Target::Page(page) => {
                    headers.extend(le32([u32_from(position), key_size]));
                    headers.extend(page.to_le_bytes());
                }
                Target::Value(value) => {
                    headers.extend(le32([0, u32_from(position), key_size, u32_from(value.len())]));
                    bodies.extend(*value);
                }
                Target::Bucket(header) => {
                    let size = u32_from(header.len());
                    headers.extend(le32([IS_BUCKET, u32_from(position), key_size, size]));
                    bodies.extend(header);
                }
            }
        }
        let page = self.pages();
        let size = (PAGE_HEADER + headers.len() + bodies.len()).next_multiple_of(PAGE_SIZE);
        self.bytes.resize(self.bytes.len() + size, 0);
        let count = u16::try_from(elements.len()).expect("a page has at most 255 elements");
        headers.extend(bodies);
        self.write_page(page, kind, count, &headers);
        page
    }

    /// Writes a page whose place is already in the file.
    fn write_page(&mut self, page: u64, kind: u16, count: u16, content: &[u8]) {
        let overflow = (PAGE_HEADER + content.len()).div_ceil(PAGE_SIZE) - 1;
        let mut bytes = page.to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(u32_from(overflow).to_le_bytes());
        bytes.extend(content);
        let start = usize::try_from(page).expect("pages are counted in memory") * PAGE_SIZE;
        self.bytes[start..start + bytes.len()].copy_from_slice(&bytes);
    }
}

/// How many of the first elements go on one page: as many as fit, but not fewer than `least`.
fn elements_that_fit(elements: &[Element<'_>], least: usize) -> usize {
    let mut size = PAGE_HEADER;
    elements
        .iter()
        .enumerate()
        .take_while(|(index, element)| {
            size += element.size();
            size <= PAGE_SIZE || *index < least
        })
        .count()
}

/// The value of a bucket's key: the page of its root and its sequence, which nobody uses here.
fn bucket_header(root: u64) -> [u8; 16] {
    let mut header = [0; 16];
    header[..8].copy_from_slice(&root.to_le_bytes());
    header
}

fn meta(root: u64, pages: u64, transaction: u64) -> Vec<u8> {
    let no_flags = 0;
    let mut bytes: Vec<u8> = le32([MAGIC, VERSION, u32_from(PAGE_SIZE), no_flags]).collect();
    bytes.extend(bucket_header(root));
    let freelist: u64 = 2;
    for field in [freelist, pages, transaction] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(fnv1a(&bytes).to_le_bytes());
    bytes
}

/// The 64-bit FNV-1a hash.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn le32<const N: usize>(fields: [u32; N]) -> impl Iterator<Item = u8> {
    fields.into_iter().flat_map(u32::to_le_bytes)
}

fn u32_from(length: usize) -> u32 {
    u32::try_from(length).expect("sizes in a bbolt file have 32 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Reads a file as bbolt does, and notes which pages it met.
    struct Reader<'a> {
        bytes: &'a [u8],
        pages: BTreeSet<usize>,
    }

    struct Page<'a> {
        kind: u16,
        count: usize,
        body: &'a [u8],
    }

    fn u32_at(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    /// A page number.
    fn page_at(bytes: &[u8], at: usize) -> usize {
        usize::try_from(u64_at(bytes, at)).unwrap()
    }

    impl<'a> Page<'a> {
        fn header(&self, index: usize) -> &'a [u8] {
            &self.body[index * ELEMENT_HEADER..]
        }

        fn key(&self, index: usize) -> &'a [u8] {
            let header = self.header(index);
            let at = if self.kind == BRANCH_PAGE { 0 } else { 4 };
            let (position, size) = (u32_at(header, at), u32_at(header, at + 4));
            &header[position..position + size]
        }
    }

    impl<'a> Reader<'a> {
        fn root_of(bytes: &'a [u8]) -> (Self, usize) {
            for index in 0..2 {
                let meta = &bytes[index * PAGE_SIZE + PAGE_HEADER..];
                assert_eq!(u32_at(meta, 0), MAGIC as usize);
                assert_eq!(page_at(meta, 40) * PAGE_SIZE, bytes.len());
                assert_eq!(u64_at(meta, 56), fnv1a(&meta[..56]));
            }
            let pages = (0..FIRST_PAGES).collect();
            let root = page_at(&bytes[PAGE_SIZE + PAGE_HEADER..], 16);
            (Self { bytes, pages }, root)
        }

        fn page(&self, page: usize) -> Page<'a> {
            let bytes = &self.bytes[page * PAGE_SIZE..];
            assert_eq!(page_at(bytes, 0), page, "a page knows its number");
            let size = (u32_at(bytes, 12) + 1) * PAGE_SIZE;
            Page {
                kind: u16::from_le_bytes(bytes[8..10].try_into().unwrap()),
                count: usize::from(u16::from_le_bytes(bytes[10..12].try_into().unwrap())),
                body: &bytes[PAGE_HEADER..size],
            }
        }

        fn read(&mut self, page: usize, bucket: &mut Bucket) {
            let found = self.page(page);
            for part in 0..(found.body.len() + PAGE_HEADER) / PAGE_SIZE {
                assert!(self.pages.insert(page + part), "a page used twice");
            }
            for index in 0..found.count {
                let (key, header) = (found.key(index), found.header(index));
                if found.kind == BRANCH_PAGE {
                    let child = page_at(header, 8);
                    assert_eq!(self.page(child).key(0), key, "a branch names the first key");
                    self.read(child, bucket);
                    continue;
                }
                let start = u32_at(header, 4) + key.len();
                let value = &header[start..start + u32_at(header, 12)];
                if u32_at(header, 0) == IS_BUCKET as usize {
                    let mut inner = Bucket::default();
                    self.read(page_at(value, 0), &mut inner);
                    bucket.put_bucket(key, inner);
                } else {
                    bucket.put(key, value);
                }
            }
        }

        /// Finds a key as a cursor does: down to the last child that does not start after it.
        fn seek(&self, page: usize, key: &[u8]) -> bool {
            let found = self.page(page);
            let after =
                (0..found.count).find(|index| found.key(*index) > key).unwrap_or(found.count);
            match after.checked_sub(1) {
                None => false,
                Some(index) if found.kind == LEAF_PAGE => found.key(index) == key,
                Some(index) => self.seek(page_at(found.header(index), 8), key),
            }
        }
    }

    fn buckets() -> impl Strategy<Value = Bucket> {
        let key = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 1..12),
            1 => (any::<u8>(), 3000_usize..9000).prop_map(|(byte, size)| vec![byte; size]),
        ];
        let value = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..200),
            1 => (any::<u8>(), 4000_usize..20_000).prop_map(|(byte, size)| vec![byte; size]),
        ];
        let item = value.prop_map(Item::Value).boxed();
        item.prop_recursive(3, 400, 60, move |item| {
            prop::collection::btree_map(key.clone(), item, 0..60)
                .prop_map(|items| Item::Bucket(Bucket(items)))
        })
        .prop_map(|item| match item {
            Item::Bucket(bucket) => bucket,
            Item::Value(value) => Bucket([(vec![1], Item::Value(value))].into()),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read_back_and_every_page_is_used_once(bucket in buckets()) {
            let bytes = bucket.to_file();
            let (mut reader, root) = Reader::root_of(&bytes);
            let mut read = Bucket::default();
            reader.read(root, &mut read);
            prop_assert_eq!(&read, &bucket);
            prop_assert_eq!(reader.pages.len() * PAGE_SIZE, bytes.len());
            for key in bucket.0.keys() {
                prop_assert!(reader.seek(root, key));
            }
        }
    }

    #[test]
    fn a_bucket_of_many_keys_becomes_a_tree_that_finds_each_of_them() {
        let mut bucket = Bucket::default();
        for number in 0..50_000 {
            bucket.put(format!("key {number}"), "value");
        }
        let bytes = bucket.to_file();
        let (reader, root) = Reader::root_of(&bytes);
        assert_eq!(reader.page(root).kind, BRANCH_PAGE);
        assert!((0..50_000).all(|number| reader.seek(root, format!("key {number}").as_bytes())));
        assert!(!reader.seek(root, b"key 50000"));
        assert!(!reader.seek(root, b"a key before the first"));
    }
}
