//! Rust sources without what no type depends on: bodies of functions, documentation, comments.
//!
//! rust-analyzer parses every file of std and of the prelude's crates before it knows the type of a
//! first variable, and expands their macros with all that is in them. For types, the signatures do.
//! Bodies that it may have to run or look into stay: those of `const fn`, for the lengths of arrays,
//! and those behind `impl Trait`.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{
    Edition, NodeOrToken, SourceFile, SyntaxElement, SyntaxKind, SyntaxNode, TextRange, TextSize,
};

/// A body that fits every return type.
const BODY: &str = "{loop{}}";
/// Attributes that say nothing about types. (`unstable` does: what it marks is no candidate.)
const WITHOUT_TYPES: [&str; 14] = [
    "doc",
    "stable",
    "inline",
    "must_use",
    "track_caller",
    "cold",
    "deprecated",
    "allow",
    "expect",
    "warn",
    "rustc_const_stable",
    "rustc_const_unstable",
    "rustc_diagnostic_item",
    "rustc_on_unimplemented",
];

/// The text with the same types in it. What does not parse stays as it is.
pub fn signatures(text: &str) -> String {
    let parsed = SourceFile::parse(text, Edition::Edition2024);
    if !parsed.errors().is_empty() {
        return text.to_owned();
    }
    let mut cuts = Cuts::default();
    cuts.node(parsed.tree().syntax());
    cuts.apply(text)
}

/// What is replaced, in the order of the text.
#[derive(Default)]
struct Cuts(Vec<(TextRange, &'static str)>);

impl Cuts {
    fn node(&mut self, node: &SyntaxNode) {
        for child in node.children_with_tokens() {
            let child = match child {
                NodeOrToken::Node(child) => child,
                NodeOrToken::Token(token) => {
                    if token.kind() == SyntaxKind::COMMENT {
                        self.0.push((token.text_range(), " "));
                    }
                    continue;
                }
            };
            match child.kind() {
                SyntaxKind::ATTR if is_without_types(&child) => {
                    self.0.push((child.text_range(), ""));
                }
                SyntaxKind::TOKEN_TREE if node.kind() == SyntaxKind::MACRO_RULES => {
                    self.macro_rules(&child);
                }
                // What a macro is given may have to be as it is.
                SyntaxKind::TOKEN_TREE | SyntaxKind::ATTR => {}
                SyntaxKind::BLOCK_EXPR if is_needless_body(&child) => {
                    self.0.push((child.text_range(), BODY));
                }
                // Constants, lengths, and bodies that stay.
                SyntaxKind::BLOCK_EXPR => {}
                _ => self.node(&child),
            }
        }
    }

    /// The right sides of the rules: `(…) => {…};`.
    fn macro_rules(&mut self, rules: &SyntaxNode) {
        let sides = rules
            .children()
            .filter(|child| child.kind() == SyntaxKind::TOKEN_TREE);
        for transcriber in sides.skip(1).step_by(2) {
            self.tokens(&transcriber);
        }
    }

    fn tokens(&mut self, tree: &SyntaxNode) {
        let elements: Vec<SyntaxElement> = tree
            .children_with_tokens()
            .filter(|element| element.kind() != SyntaxKind::WHITESPACE)
            .collect();
        let mut at = 0;
        while at < elements.len() {
            let element = &elements[at];
            match element {
                NodeOrToken::Token(token) if token.kind() == SyntaxKind::COMMENT => {
                    self.0.push((token.text_range(), " "));
                }
                NodeOrToken::Token(token) if token.kind() == SyntaxKind::POUND => {
                    if let Some(NodeOrToken::Node(attribute)) = elements.get(at + 1)
                        && names_attribute_without_types(attribute)
                    {
                        let range = TextRange::new(
                            token.text_range().start(),
                            attribute.text_range().end(),
                        );
                        self.0.push((range, ""));
                        at += 1;
                    }
                }
                NodeOrToken::Token(token) if token.kind() == SyntaxKind::FN_KW => {
                    if let Some(length) = self.function(&elements, at) {
                        at += length;
                    }
                }
                // As above: its rules may ask for an attribute.
                NodeOrToken::Node(_) if is_given_to_macro(&elements[..at]) => {}
                NodeOrToken::Node(inner) => self.tokens(inner),
                NodeOrToken::Token(_) => {}
            }
            at += 1;
        }
    }

    /// The function whose `fn` is at a place among the elements of a macro: how many elements there are
    /// up to its body, where that is cut away.
    fn function(&mut self, elements: &[SyntaxElement], start: usize) -> Option<usize> {
        const QUALIFIERS: [SyntaxKind; 4] = [
            SyntaxKind::UNSAFE_KW,
            SyntaxKind::EXTERN_KW,
            SyntaxKind::STRING,
            SyntaxKind::CONST_KW,
        ];
        let is_const = elements[..start]
            .iter()
            .rev()
            .take_while(|element| QUALIFIERS.contains(&element.kind()))
            .any(|element| element.kind() == SyntaxKind::CONST_KW);
        let is_pointer = matches!(elements.get(start + 1)?, NodeOrToken::Node(_));
        if is_const || is_pointer {
            return None;
        }
        for (length, element) in elements[start..].iter().enumerate() {
            match element {
                NodeOrToken::Token(token) => match token.kind() {
                    SyntaxKind::SEMICOLON | SyntaxKind::IMPL_KW => return None,
                    _ => {}
                },
                NodeOrToken::Node(tree) if tree.text().char_at(TextSize::new(0)) == Some('{') => {
                    self.0.push((tree.text_range(), BODY));
                    return Some(length);
                }
                NodeOrToken::Node(_) => {}
            }
        }
        None
    }

    fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len() / 2);
        let mut end = 0;
        for (range, replacement) in &self.0 {
            result.push_str(&text[end..range.start().into()]);
            result.push_str(replacement);
            end = range.end().into();
        }
        result.push_str(&text[end..]);
        result
    }
}

/// Whether what comes next is what a macro is given: after `name!` or `macro_rules! name`.
fn is_given_to_macro(before: &[SyntaxElement]) -> bool {
    let mut kinds = before.iter().rev().map(|element| element.kind());
    match kinds.next() {
        Some(SyntaxKind::IDENT) => kinds.next() == Some(SyntaxKind::BANG),
        last => last == Some(SyntaxKind::BANG),
    }
}

fn is_without_types(attribute: &SyntaxNode) -> bool {
    ast::Attr::cast(attribute.clone())
        .and_then(|attribute| attribute.simple_name())
        .is_some_and(|name| WITHOUT_TYPES.contains(&name.as_str()))
}

/// `[doc = …]`, as a macro has it.
fn names_attribute_without_types(tree: &SyntaxNode) -> bool {
    let tokens = tree.children_with_tokens();
    let mut words = tokens.filter(|element| element.kind() != SyntaxKind::WHITESPACE);
    let opens = words
        .next()
        .is_some_and(|element| element.kind() == SyntaxKind::L_BRACK);
    let name = words.next().and_then(NodeOrToken::into_token);
    opens && name.is_some_and(|name| WITHOUT_TYPES.contains(&name.text()))
}

fn is_needless_body(block: &SyntaxNode) -> bool {
    let Some(function) = block.parent().and_then(ast::Fn::cast) else {
        return false;
    };
    let is_const_impl = block
        .ancestors()
        .skip(2)
        .find_map(|ancestor| match ancestor.kind() {
            SyntaxKind::IMPL | SyntaxKind::TRAIT => Some(
                ancestor
                    .children_with_tokens()
                    .any(|child| child.kind() == SyntaxKind::CONST_KW),
            ),
            _ => None,
        });
    let is_opaque = function.ret_type().is_some_and(|returned| {
        returned
            .syntax()
            .descendants()
            .any(|node| node.kind() == SyntaxKind::IMPL_TRAIT_TYPE)
    });
    function.name().is_some()
        && function.const_token().is_none()
        && !is_const_impl.unwrap_or(false)
        && !is_opaque
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(signatures(text), expected);
    }

    #[test]
    fn bodies_and_documentation_go() {
        check(
            "/// Sums.\n#[inline]\n#[unstable(feature = \"x\")]\nfn f<T>(x: [T; { 1 + 1 }]) -> u8 where T: Copy { g(); x }",
            " \n\n#[unstable(feature = \"x\")]\nfn f<T>(x: [T; { 1 + 1 }]) -> u8 where T: Copy {loop{}}",
        );
        check(
            "impl T for P { const N: u8 = { 1 }; fn f(&self) { 1 } }\ntrait T { fn f(&self); fn g() { } }",
            "impl T for P { const N: u8 = { 1 }; fn f(&self) {loop{}} }\ntrait T { fn f(&self); fn g() {loop{}} }",
        );
    }

    #[test]
    fn what_is_evaluated_or_looked_into_stays() {
        for text in [
            "const fn length() -> usize { 1 + 1 }",
            "fn f() -> Option<impl Iterator> { Some(0..3) }",
            "impl const T for P { fn f() -> u8 { 1 } }",
            "const trait T { fn f() -> u8 { 1 } }",
            "const N: usize = { 1 };",
            "static S: [u8; { 2 }] = [1; 2];",
            "bitflags! { /** a */ struct A { fn f() { 1 } } }",
            "macro m($(#[$a:meta])+ { }) { fn f() { 1 } }",
            "macro_rules! m { () => { n! { #[stable(feature = \"x\")] fn f() { 1 } } } }",
            "macro_rules! m { () => { $n!(#[stable(feature = \"x\")] impl Neg for u8); } }",
            "fn f( { broken",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn macros_lose_the_same_and_keep_what_they_match() {
        check(
            "/// M.\nmacro_rules! m {\n  ($(#[doc = $d:expr])* fn $f:ident { 1 }) => {\n    #[doc = concat!($($d,)*)]\n    #[stable(feature = \"x\")]\n    pub fn $f(x: fn() -> u8) -> u8 { x() }\n    pub const unsafe fn c() -> u8 { 2 }\n    fn i() -> impl Copy { 3 }\n    mod m { fn n() { 4 } }\n  };\n}",
            " \nmacro_rules! m {\n  ($(#[doc = $d:expr])* fn $f:ident { 1 }) => {\n    \n    \n    pub fn $f(x: fn() -> u8) -> u8 {loop{}}\n    pub const unsafe fn c() -> u8 { 2 }\n    fn i() -> impl Copy { 3 }\n    mod m { fn n() {loop{}} }\n  };\n}",
        );
    }
}
