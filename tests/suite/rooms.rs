//! The order of the rooms: each may use itself and those before it, so that there is no circle. What a path names is followed
//! through re-exports to where it is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Item, UseTree};

/// The rooms of the crate from the bottom up, as `docs/architecture.md` lists them. A module that is not listed belongs to the
/// nearest one around it that is.
const ORDER: [&str; 43] = [
    "error",
    "store",
    "describe",
    "real",
    "schedule",
    "range",
    "activation",
    "rotate",
    "shape",
    "kernel::base",
    "kernel::geometry",
    "unchecked::block",
    "initializer",
    "kernel::product",
    "kernel::tensor",
    "kernel::rotation",
    "kernel::dense",
    "kernel::window",
    "kernel::recurrent",
    "kernel::norm",
    "kernel::lookup",
    "kernel::loss",
    "kernel::step",
    "kernel",
    "plan",
    "layer",
    "data",
    "loss",
    "metric",
    "optimizer",
    "kernel::registry",
    "unchecked::cache",
    "unchecked::instance",
    "unchecked::shader",
    "device",
    "model",
    "file",
    "report",
    "train",
    "embed",
    "extend",
    "unchecked",
    "docs",
];

/// A module's path below the crate.
type Module = Vec<String>;

/// What a module has of its own, and what it passes on.
#[derive(Default)]
struct Contents {
    defined: BTreeSet<String>,
    passed_on: BTreeMap<String, Module>,
    all_of: Vec<Module>,
    /// Every path into the crate that its code has.
    paths: BTreeSet<Module>,
    /// What is public: names, and the modules all of whose names are passed on.
    public: BTreeSet<String>,
    public_all_of: Vec<Module>,
}

#[derive(Default)]
struct Crate(BTreeMap<Module, Contents>);

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Fn(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Const(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Mod(item) => &item.vis,
        _ => return false,
    };
    matches!(visibility, syn::Visibility::Public(_))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && quoted(a).contains("test"))
}

fn quoted(attribute: &syn::Attribute) -> String {
    match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}

impl Crate {
    fn read() -> Self {
        let mut all = Self::default();
        all.file(Path::new("lib.rs"), Vec::new());
        all
    }

    /// The file of a module and those of its own modules.
    fn file(&mut self, path: &Path, module: Module) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
        let text = std::fs::read_to_string(&source).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
        self.items(&file.items, path, module);
    }

    fn items(&mut self, items: &[Item], path: &Path, module: Module) {
        self.0.entry(module.clone()).or_default();
        for item in items {
            let name = match item {
                Item::Mod(inner) => {
                    if is_test(&inner.attrs) {
                        continue;
                    }
                    let name = inner.ident.to_string();
                    let below = [module.clone(), vec![name.clone()]].concat();
                    match &inner.content {
                        Some((_, items)) => self.items(items, path, below),
                        None => self.file(&file_of(path, &name), below),
                    }
                    Some(name)
                }
                Item::Use(item) => {
                    let public = matches!(item.vis, syn::Visibility::Public(_));
                    self.uses(&item.tree, Vec::new(), &module, public);
                    None
                }
                Item::Fn(item) => Some(item.sig.ident.to_string()),
                Item::Struct(item) => Some(item.ident.to_string()),
                Item::Enum(item) => Some(item.ident.to_string()),
                Item::Trait(item) => Some(item.ident.to_string()),
                Item::Const(item) => Some(item.ident.to_string()),
                Item::Static(item) => Some(item.ident.to_string()),
                Item::Type(item) => Some(item.ident.to_string()),
                Item::Macro(item) => item.ident.as_ref().map(ToString::to_string),
                _ => None,
            };
            let contents = self.0.entry(module.clone()).or_default();
            contents.public.extend(name.clone().filter(|_| is_public(item)));
            contents.defined.extend(name);
            if !matches!(item, Item::Mod(_) | Item::Use(_)) {
                let mut paths = Paths { module: &module, found: &mut contents.paths };
                paths.visit_item(item);
            }
        }
    }

    fn uses(&mut self, tree: &UseTree, mut before: Module, module: &Module, public: bool) {
        let (name, path) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                return self.uses(&path.tree, before, module, public);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|t| self.uses(t, before.clone(), module, public));
            }
            UseTree::Glob(_) => (None, before),
            UseTree::Name(name) if name.ident == "self" => (before.last().cloned(), before),
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                (before.last().cloned(), before)
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    before.push(rename.ident.to_string());
                }
                (Some(rename.rename.to_string()), before)
            }
        };
        // Without `crate`, `self` or `super` it is a module beside this one, or another crate.
        let path = from_root(module, &path).or_else(|| {
            let contents = self.0.get(module)?;
            contents.defined.contains(&path[0]).then(|| [module.clone(), path].concat())
        });
        let Some(path) = path else { return };
        let contents = self.0.entry(module.clone()).or_default();
        contents.paths.insert(path.clone());
        // Private ones, too: what is below a module sees them.
        match name {
            Some(name) => {
                contents.public.extend(public.then(|| name.clone()));
                contents.passed_on.insert(name, path);
            }
            None => {
                contents.public_all_of.extend(public.then(|| path.clone()));
                contents.all_of.push(path);
            }
        }
    }

    /// The module in which what a path names is defined.
    fn definition(&self, path: &[String], seen: &mut BTreeSet<Module>) -> Option<Module> {
        if !seen.insert(path.to_vec()) {
            return None;
        }
        let depth = (0..=path.len()).rev().find(|&n| self.0.contains_key(&path[..n]))?;
        let (module, rest) = path.split_at(depth);
        let Some((name, after)) = rest.split_first() else { return Some(module.to_vec()) };
        let contents = &self.0[module];
        if contents.defined.contains(name) {
            return Some(module.to_vec());
        }
        if let Some(target) = contents.passed_on.get(name) {
            return self.definition(&[target, after].concat(), seen);
        }
        contents.all_of.iter().find_map(|target| self.definition(&[target, rest].concat(), seen))
    }
}

impl Crate {
    /// The public names of a module, each with the module in which it is defined.
    fn names(&self, module: &[String]) -> BTreeMap<String, Option<Module>> {
        let contents = &self.0[module];
        let own = contents.public.iter().map(|name| {
            let home = self.definition(&[module, std::slice::from_ref(name)].concat(), &mut BTreeSet::new());
            (name.clone(), home)
        });
        let passed_on = contents.public_all_of.iter().filter(|target| self.0.contains_key(*target));
        passed_on.flat_map(|target| self.names(target)).chain(own).collect()
    }
}

/// The file of a module that a file declares.
fn file_of(path: &Path, name: &str) -> PathBuf {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let folder = path.parent().unwrap();
    let folder = if ["mod", "lib"].contains(&stem) { folder.to_owned() } else { folder.join(stem) };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let flat = folder.join(format!("{name}.rs"));
    if root.join(&flat).exists() { flat } else { folder.join(name).join("mod.rs") }
}

/// A path that begins with `crate`, `self` or `super`, from the crate's root on.
fn from_root(module: &Module, path: &[String]) -> Option<Module> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([&module[..module.len() - ups], &path[ups..]].concat()),
        _ => None,
    }
}

/// Collects the paths into the crate that stand in code.
struct Paths<'a> {
    module: &'a Module,
    found: &'a mut BTreeSet<Module>,
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.found.extend(from_root(self.module, &parts).filter(|parts| parts.len() > 1));
        visit::visit_path(self, path);
    }
}

/// The number of a module's room in the order.
fn room(module: &[String]) -> Option<usize> {
    (1..=module.len()).rev().find_map(|n| {
        let name = module[..n].join("::");
        ORDER.iter().position(|room| *room == name)
    })
}

#[test]
fn each_room_uses_itself_and_those_before_it() {
    let all = Crate::read();
    assert!(all.0.len() > 150, "{} modules", all.0.len());
    let (mut wrong, mut paths) = (Vec::new(), 0);
    for (module, contents) in all.0.iter().filter(|(module, _)| !module.is_empty()) {
        let own = room(module).unwrap_or_else(|| panic!("{} is in no room", module.join("::")));
        for path in &contents.paths {
            let Some(home) = all.definition(path, &mut BTreeSet::new()) else { continue };
            let Some(used) = room(&home) else { continue };
            paths += 1;
            // The room around others passes on what is theirs.
            if used > own && !ORDER[own].starts_with(&format!("{}::", ORDER[used])) {
                let (from, to) = (module.join("::"), path.join("::"));
                wrong.push(format!("{from} uses {to} of {}", ORDER[used]));
            }
        }
    }
    assert!(paths > 1000, "{paths} paths");
    assert!(wrong.is_empty(), "{} uses of a later room:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_order_is_written_down() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/architecture.md"));
    let text = text.unwrap();
    let listed: Vec<&str> = text
        .split("<!-- rooms -->")
        .nth(1)
        .expect("the list of rooms")
        .split('`')
        .skip(1)
        .step_by(2)
        .collect();
    assert_eq!(listed, ORDER);
}

#[test]
fn all_of_the_root_and_all_of_any_module_are_never_ambiguous() {
    let all = Crate::read();
    let root = all.names(&[]);
    let public = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    // Every module that users reach.
    let mut modules: Vec<Module> = root.keys().map(|name| vec![name.clone()]).collect();
    modules.retain(|module| all.0.contains_key(module));
    for outer in modules.clone() {
        let inner = all.names(&outer).into_keys().map(|name| [outer.clone(), vec![name]].concat());
        modules.extend(inner.filter(|module| all.0.contains_key(module)));
    }
    for wanted in
        ["data", "embed", "extend", "extend::kernel", "extend::plan", "model", "report::plot", "train"]
    {
        assert!(modules.contains(&public(wanted)), "{wanted} is public: {modules:?}");
    }
    for module in modules {
        for (name, home) in all.names(&module) {
            let other = root.get(&name).filter(|other| **other != home);
            assert!(
                other.is_none(),
                "{name} of {} and of the root: {home:?} and {other:?}",
                module.join("::")
            );
        }
    }
}
