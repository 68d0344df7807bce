//! Reads a disk and says what that came to.

use camino::Utf8Path;
use goldsmith_disk::{Disk, FileKind, Limits, Root, RootKind, Tree};

use crate::Row;
use crate::folder::{self, Listing};
use crate::make::Zoo;
use crate::recipe::Recipe;
use crate::special::Special;

/// Bytes of a file that are compared.
const MOST: u64 = 16 << 20;

fn open(zoo: &Zoo, path: &Utf8Path) -> Result<Disk, String> {
    let limits = Limits { backing: vec![zoo.folder.clone()], ..Limits::default() };
    Disk::open(path, &limits).map_err(|unreadable| unreadable.to_string())
}

/// Everything in a tree.
pub(crate) fn listing(tree: &Tree) -> Listing {
    let mut listing = Listing::new();
    for entry in tree.walk("/").unwrap() {
        let entry = entry.unwrap();
        let path = String::from_utf8(entry.path.clone()).unwrap();
        if path.ends_with("/lost+found") {
            continue;
        }
        let (kind, content) = match entry.metadata.kind {
            FileKind::File => (0o100_000, entry.read(MOST).unwrap()),
            FileKind::Folder => (0o040_000, Vec::new()),
            FileKind::Link => (0o120_000, entry.read_link().unwrap()),
            other => panic!("{other:?}"),
        };
        listing.insert(path, (format!("{:o}", kind | u32::from(entry.metadata.mode)), content));
    }
    listing
}

/// A disk of the square: its one root is the folder from which it was made, byte for byte.
pub(crate) fn recipe(zoo: &Zoo, recipe: Recipe) -> Row {
    let name = recipe.name();
    let disk = open(zoo, &zoo.disk(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(disk.unreadable(), [], "{name}");
    let [root] = disk.roots() else {
        panic!(
            "{name}: {:?} {:?}",
            disk.parts(),
            disk.roots().iter().map(Root::name).collect::<Vec<_>>()
        )
    };
    assert_same(&name, &listing(root.tree()), &folder::list(&zoo.root()));
    let cells = [recipe.table.words(), recipe.files.words(), recipe.container.words()];
    Row { name: String::new(), cells: cells.map(str::to_owned), result: describe(root) }
}

/// Two lists of files are equal; what is not is told by its path.
fn assert_same(name: &str, found: &Listing, expected: &Listing) {
    let without = |some: &Listing, others: &Listing| {
        some.keys().filter(|path| !others.contains_key(*path)).cloned().collect::<Vec<_>>()
    };
    assert_eq!([without(found, expected), without(expected, found)], [[""; 0]; 2], "{name}");
    let wrong: Vec<_> = expected.iter().filter(|(path, file)| found[*path] != **file).collect();
    let wrong: Vec<_> =
        wrong.iter().map(|(path, (mode, _))| (path, mode, &found[*path].0)).collect();
    assert_eq!(wrong, [], "{name}");
}

/// Another disk: what is found on it.
pub(crate) fn special(zoo: &Zoo, special: &Special) -> Row {
    let result = match open(zoo, &zoo.disk(special.name)) {
        Err(unreadable) => unreadable,
        Ok(disk) => {
            if special.whole {
                let (found, expected) =
                    (listing(disk.roots()[0].tree()), folder::list(&zoo.root()));
                assert_same(special.name, &found, &expected);
            }
            let roots = disk.roots().iter().map(describe);
            let unreadable =
                disk.unreadable().iter().map(|unreadable| format!("not read: {unreadable}"));
            let said: Vec<_> = roots.chain(unreadable).collect();
            if said.is_empty() { "no system".to_owned() } else { said.join("; ") }
        }
    };
    // Ids of LVM2 and paths of the machine differ from run to run.
    let result = result.replace(zoo.folder.as_str(), "");
    let result = match result.split_once("the physical volume ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            format!("{before}a physical volume{rest}")
        }
        None => result,
    };
    Row { name: special.words.to_owned(), cells: Default::default(), result }
}

fn describe(root: &Root) -> String {
    let kind = match root.kind {
        RootKind::FileSystem | RootKind::Deployment | RootKind::Subvolume { default: false } => "",
        RootKind::Subvolume { default: true } => ", the default",
        RootKind::Snapshot => ", a snapshot",
    };
    let packages = match root.tree().read("/var/lib/dpkg/status", MOST) {
        Ok(status) => {
            let packages = folder::read_status(&status);
            assert_eq!(packages, folder::packages());
            format!("{} packages", packages.len())
        }
        Err(error) => error.to_string(),
    };
    format!("{}{kind}: {packages}", root.name())
}
