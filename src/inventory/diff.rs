//! What has changed between two lists of packages.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::VersionOrder;
use crate::model::{ChangeKind, InventoryDiff, Package, PackageChange};

/// So many packages of one name are told apart. No system has as many.
const MOST: usize = 100;

fn added(package: &Package) -> PackageChange {
    PackageChange { kind: ChangeKind::Added, from: None, to: Some(package.clone()) }
}

fn removed(package: &Package) -> PackageChange {
    PackageChange { kind: ChangeKind::Removed, from: Some(package.clone()), to: None }
}

fn changed(from: &Package, to: &Package, order: Option<VersionOrder>) -> PackageChange {
    let compared = match order {
        _ if from.version == to.version => Some(Ordering::Equal),
        order => order.and_then(|order| order.compare(&from.version, &to.version)),
    };
    let kind = match compared {
        Some(Ordering::Less) => ChangeKind::Upgraded,
        Some(Ordering::Greater) => ChangeKind::Downgraded,
        Some(Ordering::Equal) => ChangeKind::Rebuilt,
        None => ChangeKind::Changed,
    };
    PackageChange { kind, from: Some(from.clone()), to: Some(to.clone()) }
}

/// Compares two lists. `order` tells which version of a package is the newer one.
///
/// A name can be there several times: for several architectures, or in several versions
/// (kernels). What is the same in both goes first; then packages of one architecture belong
/// together, the newest with the newest; then what is left.
pub fn diff(from: &[Package], to: &[Package], order: Option<VersionOrder>) -> InventoryDiff {
    let mut names = BTreeMap::<&str, (Vec<&Package>, Vec<&Package>)>::new();
    for package in from {
        names.entry(&package.name).or_default().0.push(package);
    }
    for package in to {
        names.entry(&package.name).or_default().1.push(package);
    }
    let mut diff = InventoryDiff::default();
    for (mut from, mut to) in names.into_values() {
        let there: BTreeSet<&Package> = from.iter().copied().collect();
        let same: BTreeSet<&Package> = to.iter().copied().filter(|it| there.contains(it)).collect();
        from.retain(|package| !same.contains(package));
        to.retain(|package| !same.contains(package));
        diff.unchanged += same.len();
        let mut pairs = Vec::new();
        if from.len().max(to.len()) <= MOST {
            newest_first(&mut from, order);
            newest_first(&mut to, order);
            pairs.extend(pair(&mut from, &mut to, |from, to| from.arch == to.arch));
            pairs.extend(pair(&mut from, &mut to, |from, to| from.version == to.version));
            pairs.extend(pair(&mut from, &mut to, |_, _| true));
        }
        let changes = pairs.iter().map(|(from, to)| changed(from, to, order));
        diff.changes.extend(changes);
        diff.changes.extend(from.into_iter().map(removed));
        diff.changes.extend(to.into_iter().map(added));
    }
    diff
}

/// The newest first, as far as anybody can say; else in reverse as text, which is an order too.
fn newest_first(packages: &mut [&Package], order: Option<VersionOrder>) {
    let ascending = |one: &Package, other: &Package| {
        let known = order.and_then(|order| order.compare(&one.version, &other.version));
        known.unwrap_or_else(|| one.version.cmp(&other.version)).then_with(|| one.cmp(other))
    };
    // Not a library's sort: no package manager promises that its order is one.
    for end in 1..packages.len() {
        let mut at = end;
        while at > 0 && ascending(packages[at - 1], packages[at]).is_lt() {
            packages.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Takes the pairs that belong together out of both lists.
fn pair<'a>(
    from: &mut Vec<&'a Package>,
    to: &mut Vec<&'a Package>,
    belong: impl Fn(&Package, &Package) -> bool,
) -> Vec<(&'a Package, &'a Package)> {
    let mut pairs = Vec::new();
    from.retain(|from| match to.iter().position(|to| belong(from, to)) {
        Some(at) => {
            pairs.push((*from, to.remove(at)));
            false
        }
        None => true,
    });
    pairs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn package(text: &str) -> Package {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Package { name: word(), version: word(), arch: word(), source: word() }
    }

    fn shown(diff: &InventoryDiff) -> String {
        let text = |package: &Option<Package>| match package {
            None => "-".to_owned(),
            Some(Package { version, arch, source, .. }) => format!("{version} {arch} {source}"),
        };
        let lines = diff.changes.iter().map(|change| {
            let name = change.package().map_or("", |package| package.name.as_str());
            format!(
                "{name} {}: {} -> {}",
                change.kind.as_str(),
                text(&change.from),
                text(&change.to)
            )
        });
        let lines: Vec<String> = lines.collect();
        format!("{}\n{} unchanged", lines.join("\n"), diff.unchanged)
    }

    #[test]
    fn packages_are_told_apart_by_name_and_architecture() {
        let from = [
            "bash 5.2.15-2 amd64 bash",
            "same 1 all same",
            "gone 1 all gone",
            "kernel 5.1-1 x86_64 kernel",
            "kernel 5.10-1 x86_64 kernel",
            "kernel 5.2-1 x86_64 kernel",
            "libc6 2.36-9 amd64 glibc",
            "libc6 2.36-9 i386 glibc",
            "moved 1.0 amd64 moved",
            "older 2:1.0 all older",
            "same-to-dpkg 1.0 all x",
            "split 1 all one",
        ]
        .map(package);
        let to = [
            "bash 5.2.15-2+b1 amd64 bash",
            "same 1 all same",
            "kernel 5.10-1 x86_64 kernel",
            "kernel 5.11-1 x86_64 kernel",
            "libc6 2.36-9 i386 glibc",
            "libc6 2.36-10 amd64 glibc",
            "moved 1.0 all moved",
            "new 1 all new",
            "older 1:9.0 all older",
            "same-to-dpkg 1.0-0 all x",
            "split 1 all other",
        ]
        .map(package);
        let told = diff(&from, &to, Some(VersionOrder::Dpkg));
        insta::assert_snapshot!(shown(&told), @"
        bash upgraded: 5.2.15-2 amd64 bash -> 5.2.15-2+b1 amd64 bash
        gone removed: 1 all gone -> -
        kernel upgraded: 5.2-1 x86_64 kernel -> 5.11-1 x86_64 kernel
        kernel removed: 5.1-1 x86_64 kernel -> -
        libc6 upgraded: 2.36-9 amd64 glibc -> 2.36-10 amd64 glibc
        moved rebuilt: 1.0 amd64 moved -> 1.0 all moved
        new added: - -> 1 all new
        older downgraded: 2:1.0 all older -> 1:9.0 all older
        same-to-dpkg rebuilt: 1.0 all x -> 1.0-0 all x
        split rebuilt: 1 all one -> 1 all other
        3 unchanged
        ");
        let unknown = diff(&from, &to, None);
        assert_eq!(unknown.count(ChangeKind::Upgraded) + unknown.count(ChangeKind::Downgraded), 0);
        assert_eq!(unknown.count(ChangeKind::Changed), 5);
    }

    fn packages() -> impl Strategy<Value = Vec<Package>> {
        proptest::collection::vec("[ab] [12][.~]?[01]? (x|y) [st]", 0..12).prop_map(|texts| {
            let set: BTreeSet<Package> = texts.iter().map(|text| package(text)).collect();
            set.into_iter().collect()
        })
    }

    proptest! {
        /// Nothing is lost, nothing is told twice, and the way back is the opposite.
        #[test]
        fn a_diff_accounts_for_every_package(from in packages(), to in packages()) {
            let order = Some(VersionOrder::Dpkg);
            let told = diff(&from, &to, order);
            let side = |of: fn(&PackageChange) -> &Option<Package>| {
                let told: Vec<&Package> = told.changes.iter().filter_map(|it| of(it).as_ref()).collect();
                let set: BTreeSet<&Package> = told.iter().copied().collect();
                (told.len(), set.len())
            };
            let (froms, tos) = (side(|it| &it.from), side(|it| &it.to));
            prop_assert_eq!(froms, (from.len() - told.unchanged, from.len() - told.unchanged));
            prop_assert_eq!(tos, (to.len() - told.unchanged, to.len() - told.unchanged));
            let same = from.iter().filter(|package| to.contains(package)).count();
            prop_assert_eq!(told.unchanged, same);
            let back = diff(&to, &from, order);
            for (there, here) in [
                (ChangeKind::Added, ChangeKind::Removed),
                (ChangeKind::Removed, ChangeKind::Added),
            ] {
                prop_assert_eq!(told.count(there), back.count(here));
            }
            prop_assert_eq!(diff(&from, &from, order).changes, []);
        }
    }
}
