//! Where a file can be mutated, and how.

use crate::mutant::{Form, Mutant};
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Block, Expr, Lit, Pat, ReturnType, Signature, Stmt, Type, UnOp};

/// Methods that take each other's place.
const METHODS: [(&str, &str); 8] = [
    ("min", "max"),
    ("any", "all"),
    ("first", "last"),
    ("is_some", "is_none"),
    ("is_ok", "is_err"),
    ("floor", "ceil"),
    ("skip", "take"),
    ("skip_while", "take_while"),
];

/// All mutants of a file; an error where it is no Rust.
pub fn find(file: &str, source: &str) -> crate::Result<Vec<Mutant>> {
    let tree = syn::parse_file(source).map_err(|e| format!("{file}: {e}"))?;
    let mut finder = Finder { file, source, found: Vec::new() };
    finder.visit_file(&tree);
    Ok(finder.found)
}

struct Finder<'a> {
    file: &'a str,
    source: &'a str,
    found: Vec<Mutant>,
}

fn place(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// Tests, and what another system compiles.
fn left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        let elsewhere = list.starts_with("target_") || list.contains("test");
        attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && elsewhere)
    })
}

/// Whether a condition binds names: then nothing may stand around it or between its parts.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(both) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

/// Whether a pattern has no names that an arm could use.
fn plain(pattern: &Pat) -> bool {
    match pattern {
        Pat::Lit(_) | Pat::Path(_) | Pat::Wild(_) | Pat::Range(_) => true,
        Pat::Ident(name) => name.subpat.is_none() && name.ident.to_string().starts_with(char::is_uppercase),
        Pat::Or(any) => any.cases.iter().all(plain),
        Pat::Tuple(tuple) => tuple.elems.iter().all(plain),
        Pat::TupleStruct(tuple) => tuple.elems.iter().all(plain),
        Pat::Struct(fields) => fields.fields.is_empty(),
        _ => false,
    }
}

/// What a binary operator becomes.
fn swapped(operator: &BinOp) -> Option<&'static str> {
    Some(match operator {
        BinOp::Add(_) => "-",
        BinOp::Sub(_) => "+",
        BinOp::Mul(_) => "/",
        BinOp::Div(_) | BinOp::Rem(_) => "*",
        BinOp::And(_) => "||",
        BinOp::Or(_) => "&&",
        BinOp::BitAnd(_) => "|",
        BinOp::BitOr(_) => "&",
        BinOp::Shl(_) => ">>",
        BinOp::Shr(_) => "<<",
        BinOp::Lt(_) => "<=",
        BinOp::Le(_) => "<",
        BinOp::Gt(_) => ">=",
        BinOp::Ge(_) => ">",
        BinOp::Eq(_) => "!=",
        BinOp::Ne(_) => "==",
        BinOp::AddAssign(_) => "-=",
        BinOp::SubAssign(_) => "+=",
        BinOp::MulAssign(_) => "/=",
        BinOp::DivAssign(_) => "*=",
        _ => return None,
    })
}

/// What a literal becomes.
fn changed(literal: &Lit) -> Option<String> {
    match literal {
        Lit::Int(number) => {
            let value: u128 = number.base10_parse().ok()?;
            Some(format!("{}{}", if value == 1 { 0 } else { value.checked_add(1)? }, number.suffix()))
        }
        Lit::Float(number) => {
            let value: f64 = number.base10_parse().ok()?;
            Some(format!("{:?}{}", if value == 1.0 { 0.0 } else { value + 1.0 }, number.suffix()))
        }
        Lit::Bool(value) => Some((!value.value).to_string()),
        _ => None,
    }
}

impl Finder<'_> {
    fn text(&self, node: &impl Spanned) -> &str {
        &self.source[place(node)]
    }

    fn add(&mut self, place: Range<usize>, operator: &str, original: &str, form: Form) {
        let line = 1 + self.source[..place.start].matches('\n').count();
        let (file, operator, original) = (self.file.into(), operator.into(), original.into());
        self.found.push(Mutant { number: 0, file, line, place, operator, original, form });
    }

    fn replace(&mut self, node: &impl Spanned, operator: &str, text: String) {
        let original = self.text(node).to_owned();
        self.add(place(node), operator, &original, Form::Replace(text));
    }

    /// The body of a function, and that it returns at once.
    fn function(&mut self, attributes: &[Attribute], signature: &Signature, body: &Block) {
        if left_out(attributes) || signature.constness.is_some() || body.stmts.is_empty() {
            return;
        }
        let name = signature.ident.to_string();
        let kind = match &signature.output {
            ReturnType::Default => "()".into(),
            ReturnType::Type(_, kind) => match &**kind {
                Type::Path(path) => {
                    path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default()
                }
                Type::ImplTrait(_) | Type::Never(_) => "!".into(),
                _ => String::new(),
            },
        };
        let values: &[&str] = match kind.as_str() {
            "()" => &[""],
            "bool" => &["true", "false"],
            "Result" => &["Ok(Default::default())"],
            "Option" => &["None"],
            // What a constructor or a default makes is all that there is.
            "!" | "Self" => &[],
            _ => &["Default::default()"],
        };
        let start = place(&body.brace_token.span.open()).end;
        let original = format!("fn {name}");
        for value in values {
            self.add(start..start, "body", &original, Form::Return((*value).into()));
        }
        self.visit_block(body);
    }

    fn arms(&mut self, arms: &[syn::Arm]) {
        for two in arms.windows(2) {
            let [arm, next] = two else { continue };
            if plain(&next.pat) && next.guard.is_none() && self.text(&arm.body) != self.text(&next.body) {
                let text = self.text(&next.body).to_owned();
                self.replace(&arm.body, "arm", text);
            }
        }
    }

    fn condition(&mut self, condition: &Expr) {
        let operator = matches!(condition, Expr::Unary(_))
            || matches!(condition, Expr::Binary(both) if matches!(both.op, BinOp::Eq(_) | BinOp::Ne(_)));
        if !binds(condition) && !operator {
            let text = format!("!({})", self.text(condition));
            self.replace(condition, "condition", text);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr(&mut self, node: &'ast Expr) {
        match node {
            Expr::Binary(both) if !binds(node) => {
                if let Some(operator) = swapped(&both.op) {
                    let (left, right) = (self.text(&both.left), self.text(&both.right));
                    let assigns = ["-=", "+=", "/=", "*="].contains(&operator);
                    let text = if assigns {
                        format!("{left} {operator} ({right})")
                    } else {
                        format!("({left}) {operator} ({right})")
                    };
                    self.replace(node, "operator", text);
                }
            }
            Expr::Unary(unary) if !matches!(unary.op, UnOp::Deref(_)) => {
                let text = self.text(&unary.expr).to_owned();
                self.replace(node, "sign", text);
            }
            Expr::Lit(literal) => {
                if let Some(text) = changed(&literal.lit) {
                    self.replace(node, "literal", text);
                }
            }
            Expr::If(branch) => self.condition(&branch.cond),
            Expr::Match(choice) => self.arms(&choice.arms),
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                let pair = METHODS.iter().find(|(a, b)| name == *a || name == *b);
                if let Some((a, b)) = pair {
                    let (all, method) = (place(node), place(&call.method));
                    let other = if name == *a { b } else { a };
                    let (before, after) =
                        (&self.source[all.start..method.start], &self.source[method.end..all.end]);
                    self.replace(node, "method", format!("{before}{other}{after}"));
                }
            }
            // Evaluated by the compiler.
            Expr::Const(_) => return,
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            Expr::Closure(closure) => return self.visit_expr(&closure.body),
            _ => {}
        }
        visit::visit_expr(self, node);
    }

    fn visit_stmt(&mut self, node: &'ast Stmt) {
        if let Stmt::Expr(statement, Some(_)) = node {
            let inner = if let Expr::Try(tried) = statement { &tried.expr } else { statement };
            if matches!(inner, Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_)) {
                let original = self.text(node).to_owned();
                self.add(place(node), "statement", &original, Form::Delete);
            }
        }
        visit::visit_stmt(self, node);
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(body) = &node.default {
            self.function(&node.attrs, &node.sig, body);
        }
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        if !left_out(&node.attrs) {
            visit::visit_item_mod(self, node);
        }
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        if !left_out(&node.attrs) {
            visit::visit_item_impl(self, node);
        }
    }

    // What the compiler evaluates, what binds names, and what is no code.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generics(&mut self, _: &'ast syn::Generics) {}
    fn visit_path(&mut self, _: &'ast syn::Path) {}
    fn visit_angle_bracketed_generic_arguments(&mut self, _: &'ast syn::AngleBracketedGenericArguments) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of each place of a function's body, its early returns left out.
    fn of(body: &str) -> Vec<String> {
        let found = find("f.rs", &format!("fn f() {{ {body} }}")).unwrap().into_iter();
        found
            .filter(|m| m.operator != "body")
            .map(|m| match m.form {
                Form::Replace(text) => text,
                Form::Delete => format!("no {}", m.original),
                Form::Return(value) => value,
            })
            .collect()
    }

    #[test]
    fn operators_and_literals() {
        assert_eq!(of("a + 0"), ["(a) - (0)", "1"]);
        assert_eq!(of("a < 1.0f32"), ["(a) <= (1.0f32)", "0.0f32"]);
        assert_eq!(of("a *= 3usize;"), ["a /= (3usize)", "4usize"]);
        assert_eq!(of("a && !b"), ["(a) || (!b)", "b"]);
        assert_eq!(of("a.min(b)"), ["a.max(b)"]);
        assert_eq!(of("é.max(2)"), ["é.min(2)", "3"]);
    }

    #[test]
    fn conditions_arms_and_statements() {
        assert_eq!(of("if a { b } else { c }"), ["!(a)"]);
        assert_eq!(of("if let Some(x) = a && b { x }"), [""; 0]);
        assert_eq!(of("match a { 0 => b, None => c, x => x }"), ["c"]);
        assert_eq!(of("g(); h(a)?;"), ["no g();", "no h(a)?;"]);
    }

    #[test]
    fn what_the_compiler_evaluates_is_left_alone() {
        assert_eq!(of("const A: usize = 3; [a; 4]; x::<5>(b)"), [""; 0]);
        assert_eq!(of("assert!(1 + 1 == 2)"), [""; 0]);
        assert!(find("f.rs", "const fn f() -> i32 { 1 } #[test] fn g() { 1; }").unwrap().is_empty());
        assert!(find("f.rs", "#[cfg(test)] mod tests { fn f() -> i32 { 1 } }").unwrap().is_empty());
    }

    #[test]
    fn functions_return_at_once() {
        let found = find("f.rs", "\nfn f() -> bool { g }").unwrap();
        let values: Vec<&Form> = found.iter().map(|m| &m.form).collect();
        assert_eq!(values, [&Form::Return("true".into()), &Form::Return("false".into())]);
        assert_eq!((found[0].line, found[0].place.clone()), (2, 17..17));
    }
}
