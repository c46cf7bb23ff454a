//! What this project asks of its sources and no compiler checks: modules that stand beside each other do not need
//! each other, and no file is long.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use f1_ingest_tests::binary::root;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file has fewer lines.
const LINES: usize = 400;

/// Where a module is in its crate; the crate itself is the empty path.
type Module = Vec<String>;

/// At each level of a crate, the arrows from module to module, and which paths make them.
type Arrows = BTreeMap<Module, BTreeMap<(String, String), BTreeSet<String>>>;

/// All Rust files below a folder, but for what is built or hidden.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The files of a crate by their modules. A library and a program are both the crate itself.
fn sources(src: &Path) -> Vec<(String, String)> {
    let of = |file: PathBuf| {
        let module = file.strip_prefix(src).expect("below").with_extension("");
        (module.to_string_lossy().into_owned(), fs::read_to_string(&file).expect("a text"))
    };
    rust_files(src).into_iter().map(of).collect()
}

/// The circles of a crate, each with the arrows that tie it. A module and all that it holds are one; it and they
/// may know each other.
fn circles(sources: &[(impl AsRef<str>, impl AsRef<str>)]) -> Vec<String> {
    let files: Vec<(Module, TokenStream)> = sources
        .iter()
        .map(|(file, source)| {
            let mut module: Module = file.as_ref().split('/').map(str::to_owned).collect();
            module.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
            (module, source.as_ref().parse().expect("Rust"))
        })
        .collect();
    let mut known = BTreeSet::new();
    for (module, tokens) in &files {
        known.insert(module.clone());
        walk(tokens.clone(), module, &mut |module, _| known.extend([module.clone()]));
    }
    let mut arrows = Arrows::new();
    for (module, tokens) in &files {
        walk(tokens.clone(), module, &mut |own, path| add(&mut arrows, own, &resolve(path, own, &known)));
    }
    arrows.iter().flat_map(|(level, arrows)| tied(level, arrows)).collect()
}

/// Hands each path that begins with `crate`, `super` or `self` to `take`, with the module that it stands in, and
/// each module that a file holds with a path of no length. Tokens have no comments, and texts are one token;
/// what a macro takes is read as any code is.
fn walk(tokens: TokenStream, module: &Module, take: &mut dyn FnMut(&Module, &[String])) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Group(body), after @ ..])
                if word == "mod" && body.delimiter() == Delimiter::Brace =>
            {
                let inner = [module.as_slice(), &[name.to_string()]].concat();
                take(&inner, &[]);
                walk(body.stream(), &inner, take);
                rest = after;
            }
            (TokenTree::Ident(word), _)
                if (word == "crate" || word == "super" || word == "self") && separated(after).is_some() =>
            {
                rest = paths(&[], std::slice::from_ref(first), after, &mut |path| take(module, path));
            }
            (TokenTree::Group(group), _) => walk(group.stream(), module, take),
            _ => {}
        }
    }
}

/// What follows `::`, if that comes next.
fn separated(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(a), TokenTree::Punct(b), rest @ ..] if a.as_char() == ':' && b.as_char() == ':' => {
            Some(rest)
        }
        _ => None,
    }
}

/// All paths of a tree like `super::{a::b, c}`, and what follows it.
fn paths<'t>(
    prefix: &[String],
    first: &[TokenTree],
    mut rest: &'t [TokenTree],
    take: &mut dyn FnMut(&[String]),
) -> &'t [TokenTree] {
    let mut path = prefix.to_vec();
    path.extend(first.iter().map(TokenTree::to_string));
    while let Some(after) = separated(rest) {
        match after {
            [TokenTree::Ident(name), after @ ..] => {
                path.push(name.to_string());
                rest = after;
            }
            [TokenTree::Group(tree), after @ ..] => {
                let branches: Vec<TokenTree> = tree.stream().into_iter().collect();
                let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
                for branch in branches.split(is_comma) {
                    if let [first, rest @ ..] = branch {
                        paths(&path, std::slice::from_ref(first), rest, take);
                    }
                }
                return after;
            }
            _ => break,
        }
    }
    take(&path);
    rest
}

/// The module that a path leads into, as seen from `own`.
fn resolve(path: &[String], own: &Module, known: &BTreeSet<Module>) -> Module {
    let mut target = own.clone();
    for segment in path {
        match segment.as_str() {
            "crate" => target.clear(),
            "super" => drop(target.pop()),
            "self" => {}
            _ => {
                target.push(segment.clone());
                if !known.contains(&target) {
                    target.pop();
                    break;
                }
            }
        }
    }
    target
}

fn add(arrows: &mut Arrows, own: &Module, target: &Module) {
    let common = own.iter().zip(target).take_while(|(a, b)| a == b).count();
    if let (Some(from), Some(to)) = (own.get(common), target.get(common)) {
        let level = arrows.entry(own[..common].to_vec()).or_default();
        let path = format!("{} -> {}", own.join("::"), target.join("::"));
        level.entry((from.clone(), to.clone())).or_default().insert(path);
    }
}

/// The circles among the modules of one level.
fn tied(level: &Module, arrows: &BTreeMap<(String, String), BTreeSet<String>>) -> Vec<String> {
    let reached = |from: &str| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = open.pop() {
            let next = arrows.keys().filter(|(from, _)| *from == module).map(|(_, to)| to.clone());
            open.extend(next.filter(|to| reached.insert(to.clone())));
        }
        reached
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|(from, _)| (from, reached(from))).collect();
    let mutual = |a: &String| -> BTreeSet<&String> {
        reach.keys().copied().filter(|b| reach[a].contains(*b) && reach[*b].contains(a)).collect()
    };
    let groups: BTreeSet<BTreeSet<&String>> = reach.keys().map(|module| mutual(module)).collect();
    let place = if level.is_empty() { "the crate".to_owned() } else { level.join("::") };
    groups
        .iter()
        .filter(|group| !group.is_empty())
        .map(|group| {
            let names = group.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let within = arrows.iter().filter(|((a, b), _)| group.contains(a) && group.contains(b));
            let arrows: String =
                within.flat_map(|(_, paths)| paths).map(|path| format!("\n    {path}")).collect();
            format!("in {place}: {names}{arrows}")
        })
        .collect()
}

/// The names of texts that have too many lines.
fn long<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Vec<String> {
    let counted = texts.into_iter().map(|(name, text)| (name, text.lines().count()));
    counted.filter(|(_, lines)| *lines >= LINES).map(|(name, lines)| format!("{name}.rs: {lines}")).collect()
}

#[test]
fn modules_beside_each_other_do_not_need_each_other() {
    let mut found = Vec::new();
    for src in ["component/src", "component/feeds/src", "host/src"] {
        let sources = sources(&root().join(src));
        assert!(sources.len() > 5, "{src} has {} files", sources.len());
        found.extend(circles(&sources).into_iter().map(|circle| format!("{src}, {circle}")));
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn files_are_short() {
    let files: Vec<(String, String)> = sources(root());
    assert!(files.len() > 100, "{} files", files.len());
    let long = long(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    assert!(long.is_empty(), "{LINES} lines or more:\n{}", long.join("\n"));
}

#[test]
fn a_circle_is_found_with_the_arrows_that_tie_it() {
    let by_use_and_macro = [
        ("lib", "mod a; mod b; mod c;"),
        ("a", "use crate::{c, b::{self, Thing}};"),
        ("b", "fn f() { vec![(0, super::a::X)]; }"),
        ("c", ""),
    ];
    assert_eq!(circles(&by_use_and_macro), ["in the crate: a, b\n    a -> b\n    b -> a"]);

    let long_way_and_below = [
        ("main", "mod a; mod b; mod c;"),
        ("a/mod", "mod x; mod y;"),
        ("a/x", "use super::y::Y; use crate::b;"),
        ("a/y", "impl T for super::x::X {}"),
        ("b", "mod tests { use super::super::c::C; }"),
        ("c", "type A = crate::a::x::X<u8>;"),
    ];
    assert_eq!(
        circles(&long_way_and_below),
        [
            "in the crate: a, b, c\n    a::x -> b\n    b::tests -> c\n    c -> a::x",
            "in a: x, y\n    a::x -> a::y\n    a::y -> a::x",
        ]
    );
}

#[test]
fn what_is_no_circle_is_none() {
    let sources = [
        ("lib", "mod a; mod b; pub use a::inner::Thing; use crate::b::B;"),
        // A module and what it holds may know each other.
        ("a", "mod inner; use self::inner::Thing; fn f(a: A) { crate::f() } mod tests { use super::f; }"),
        ("a/inner", "use super::A; use crate::b;"),
        // Comments and texts do not count, nor does what is no path.
        (
            "b",
            "//! See crate::a.\n/* super::a */ const A: &str = \"crate::a\"; impl B { fn a(self) { self.a } }",
        ),
    ];
    assert_eq!(circles(&sources), [""; 0]);
}

#[test]
fn a_file_is_long_from_400_lines_on() {
    let (short, too_long) = ("\n".repeat(399), "\n".repeat(400));
    assert_eq!(long([("short", short.as_str()), ("long", too_long.as_str())]), ["long.rs: 400"]);
}
