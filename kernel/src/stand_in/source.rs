//! evcxr's generated crate, taken apart: items of the notebook, and the cell that runs.
//!
//! Each cell's crate holds all items of the notebook again. Here they become a crate of their own,
//! which [`super::crates`] compiles once: everything in it is made public, because cells are no
//! longer in the same crate. What goes to the other side is replaced by spaces, so lines stay where
//! they were; columns move only behind an inserted `pub `, see [`Rewritten::original_column`].

use ra_ap_syntax::ast::{
    self, AstNode, FieldList, HasAttrs, HasModuleItem, HasName, HasVisibility,
};
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, TextRange, TextSize};

/// How evcxr calls the function that runs a cell.
const CELL_FUNCTION: &str = "run_user_code_";
const PUBLIC: &str = "pub ";

/// A generated crate, rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// Everything in one crate, with the same types as the two of [`Rewritten::split`]: how public
    /// a field is belongs to its type, and variables must keep theirs.
    pub whole: String,
    /// Both sides; none where it holds something that another crate cannot use.
    pub split: Option<Split>,
    /// Lines and columns (from 1) where `pub ` was inserted, in `whole` and the items.
    insertions: Vec<(usize, usize)>,
}

/// The two sides of a generated crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Items, for a crate of their own.
    pub items: String,
    /// The cell, which uses that crate as `ctx`.
    pub cell: String,
    /// Whether nothing of the user's is among the items: evcxr's own have its name in them.
    pub is_evcxrs_own: bool,
}

/// Takes a generated crate apart. What does not parse is left for the compiler to complain about.
pub fn rewrite(text: &str) -> Rewritten {
    let parsed = SourceFile::parse(text, Edition::Edition2024);
    let mut public = Public::default();
    let mut names = Vec::new();
    let (mut in_items, mut in_cell) = (Vec::new(), Vec::new());
    let mut can_be_split = parsed.errors().is_empty();
    let mut are_evcxrs_own = true;
    for item in parsed.tree().items().filter(|_| can_be_split) {
        let range = item.syntax().text_range();
        match &item {
            ast::Item::Fn(function) if is_cell(function) => in_cell.push(range),
            // They act by their text: both sides need them.
            ast::Item::Use(_) | ast::Item::ExternCrate(_) | ast::Item::MacroRules(_) => {}
            _ => {
                in_items.push(range);
                are_evcxrs_own &= match name(&item) {
                    Some(name) => name.to_lowercase().contains("evcxr"),
                    None => text[range].contains("Evcxr"),
                };
                names.extend(name(&item).filter(|name| name != "_"));
                public.item(&item);
            }
        }
    }
    can_be_split &= in_cell.len() == 1 && !public.missed_something;
    let split = can_be_split.then(|| {
        let mut cell = blank(text, &in_items);
        // Named one by one: a glob would be on a par with that of the prelude.
        cell.push_str(&format!("\nuse ctx::{{{}}};\n", names.join(", ")));
        Split {
            is_evcxrs_own: are_evcxrs_own,
            items: public.items(text, &in_items, in_cell[0]),
            cell,
        }
    });
    Rewritten {
        whole: public.apply(text),
        split,
        insertions: public.lines_and_columns(text),
    }
}

impl Rewritten {
    /// The column in evcxr's own text of a column in the rewritten one.
    pub fn original_column(&self, line: usize, column: usize) -> usize {
        let before = self
            .insertions
            .iter()
            .filter(|(at_line, at_column)| *at_line == line && *at_column < column)
            .count();
        column - (before * PUBLIC.len()).min(column.saturating_sub(1))
    }
}

fn is_cell(function: &ast::Fn) -> bool {
    function
        .name()
        .is_some_and(|name| name.text().starts_with(CELL_FUNCTION))
}

fn name(item: &ast::Item) -> Option<String> {
    let name = match item {
        ast::Item::Const(it) => it.name(),
        ast::Item::Enum(it) => it.name(),
        ast::Item::Fn(it) => it.name(),
        ast::Item::Module(it) => it.name(),
        ast::Item::Static(it) => it.name(),
        ast::Item::Struct(it) => it.name(),
        ast::Item::Trait(it) => it.name(),
        ast::Item::TypeAlias(it) => it.name(),
        ast::Item::Union(it) => it.name(),
        _ => None,
    };
    name.map(|name| name.text().to_string())
}

/// What has to be changed so that another crate sees what the same crate saw.
#[derive(Default)]
struct Public {
    insert: Vec<TextSize>,
    /// `pub(crate)` and the like.
    widen: Vec<TextRange>,
    /// Something makes items that are not written here.
    missed_something: bool,
}

impl Public {
    fn item(&mut self, item: &ast::Item) {
        for node in item.syntax().descendants() {
            if let Some(visibility) = ast::Visibility::cast(node)
                && visibility.syntax().text().to_string().contains('(')
            {
                self.widen.push(visibility.syntax().text_range());
            }
        }
        match item {
            ast::Item::Impl(implementation) => {
                let is_inherent = implementation.for_token().is_none();
                let members = implementation.assoc_item_list();
                for member in members.into_iter().flat_map(|list| list.assoc_items()) {
                    match member {
                        ast::AssocItem::MacroCall(_) => self.missed_something = true,
                        _ if !is_inherent => {}
                        ast::AssocItem::Const(it) => self.node(&it),
                        ast::AssocItem::Fn(it) => self.node(&it),
                        ast::AssocItem::TypeAlias(it) => self.node(&it),
                    }
                }
            }
            ast::Item::Const(it) => self.node(it),
            ast::Item::Enum(it) => self.node(it),
            ast::Item::Fn(it) => self.node(it),
            ast::Item::Module(it) => {
                self.node(it);
                // A file of its own would be looked for beside another source file.
                self.missed_something |= it.item_list().is_none();
            }
            ast::Item::Static(it) => self.node(it),
            ast::Item::Struct(it) => {
                self.node(it);
                match it.field_list() {
                    Some(FieldList::RecordFieldList(list)) => {
                        list.fields().for_each(|field| self.node(&field));
                    }
                    Some(FieldList::TupleFieldList(list)) => {
                        list.fields().for_each(|field| self.node(&field));
                    }
                    None => {}
                }
            }
            ast::Item::Trait(it) => self.node(it),
            ast::Item::TypeAlias(it) => self.node(it),
            ast::Item::Union(it) => {
                self.node(it);
                let fields = it.record_field_list();
                for field in fields.into_iter().flat_map(|list| list.fields()) {
                    self.node(&field);
                }
            }
            _ => self.missed_something = true,
        }
    }

    fn node(&mut self, node: &(impl HasVisibility + HasAttrs)) {
        if node.visibility().is_none()
            && let Some(start) = start_behind_attributes(node.syntax())
        {
            self.insert.push(start);
        }
    }

    fn apply(&self, text: &str) -> String {
        let mut result = text.to_owned();
        for range in &self.widen {
            let padded = format!("{:width$}", "pub", width = usize::from(range.len()));
            result.replace_range(std::ops::Range::<usize>::from(*range), &padded);
        }
        let mut insert: Vec<usize> = self.insert.iter().map(|&at| at.into()).collect();
        insert.sort_unstable();
        for at in insert.into_iter().rev() {
            result.insert_str(at, PUBLIC);
        }
        result
    }

    /// The items, with no trace of the cell that was among them: they are compiled again when their
    /// text changes, and cells differ in length. No line of an item moves.
    fn items(&self, text: &str, items: &[TextRange], cell: TextRange) -> String {
        if items.iter().any(|item| item.start() > cell.start()) {
            return self.apply(&blank(text, &[cell]));
        }
        let (before, behind) = (&text[..cell.start().into()], &text[cell.end().into()..]);
        let (before, behind) = (self.apply(before), behind.trim());
        format!("{}\n{behind}\n", before.trim_end())
    }

    fn lines_and_columns(&self, text: &str) -> Vec<(usize, usize)> {
        let mut insert: Vec<usize> = self.insert.iter().map(|&at| at.into()).collect();
        insert.sort_unstable();
        let mut earlier_on_line = (0, 0);
        insert
            .into_iter()
            .map(|at| {
                let before = &text[..at];
                let line = before.matches('\n').count() + 1;
                let start = before.rfind('\n').map_or(0, |newline| newline + 1);
                if earlier_on_line.0 != line {
                    earlier_on_line = (line, 0);
                }
                let moved = earlier_on_line.1 * PUBLIC.len();
                earlier_on_line.1 += 1;
                (line, before[start..].chars().count() + 1 + moved)
            })
            .collect()
    }
}

/// Where `pub` belongs: before everything but attributes and comments.
fn start_behind_attributes(node: &SyntaxNode) -> Option<TextSize> {
    node.children_with_tokens()
        .find(|child| match child {
            NodeOrToken::Node(node) => !ast::Attr::can_cast(node.kind()),
            NodeOrToken::Token(token) => {
                !matches!(token.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT)
            }
        })
        .map(|child| child.text_range().start())
}

/// The text with ranges replaced by as many spaces as they have bytes; lines stay.
fn blank(text: &str, ranges: &[TextRange]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in &mut bytes[std::ops::Range::<usize>::from(*range)] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Iterations below this take no time worth compiling longer for.
const FEW: u64 = 100_000;

/// Whether code runs a loop that may take long, so that optimising it pays.
pub fn has_long_loop(text: &str) -> bool {
    let parsed = SourceFile::parse(text, Edition::Edition2024);
    repeats(parsed.tree().syntax()) > FEW
}

/// How often the innermost statement below a node may run, at least as far as is written there.
fn repeats(node: &SyntaxNode) -> u64 {
    // The runtime that evcxr puts into each crate is not the user's.
    if let Some(module) = ast::Module::cast(node.clone())
        && module
            .name()
            .is_some_and(|name| name.text() == "evcxr_internal_runtime")
    {
        return 1;
    }
    let own = match node.kind() {
        SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR => u64::MAX,
        SyntaxKind::FOR_EXPR => ast::ForExpr::cast(node.clone())
            .and_then(|it| it.iterable())
            .map_or(u64::MAX, |iterable| {
                length(iterable.syntax()).unwrap_or(FEW / 10)
            }),
        // `(0..n).map(…)`
        SyntaxKind::METHOD_CALL_EXPR => node
            .first_child()
            .filter(|receiver| receiver.kind() == SyntaxKind::PAREN_EXPR)
            .and_then(|receiver| receiver.first_child())
            .filter(|range| range.kind() == SyntaxKind::RANGE_EXPR)
            .map_or(1, |range| length(&range).unwrap_or(u64::MAX)),
        _ => 1,
    };
    let inner = node.children().map(|child| repeats(&child)).max();
    own.saturating_mul(inner.unwrap_or(1))
}

/// The length of a range of numbers; of other ranges, none is known.
fn length(iterable: &SyntaxNode) -> Option<u64> {
    if iterable.kind() != SyntaxKind::RANGE_EXPR {
        return None;
    }
    let end = iterable.children().last()?;
    let digits: String = end
        .text()
        .to_string()
        .chars()
        .filter(|character| *character != '_')
        .take_while(char::is_ascii_digit)
        .collect();
    // What is not a number may be large.
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATE: &str = "#![allow(dead_code)]
use std::fmt;
struct P { x: i32, pub(crate) y: i32 }
#[derive(Debug)] enum E { A }
impl P { fn new() -> P { P { x: 1, y: 2 } } }
impl fmt::Display for P { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { Ok(()) } }
struct T(i32, f64);
macro_rules! m { () => { 1 } }
pub extern \"C\" fn run_user_code_3() {
    let p = P::new();
}
";

    #[test]
    fn items_become_public_and_the_cell_uses_them() {
        let rewritten = rewrite(CRATE);
        let split = rewritten.split.unwrap();
        assert!(
            split
                .items
                .contains("pub struct P { pub x: i32, pub        y: i32 }"),
            "{}",
            split.items
        );
        assert!(split.items.contains("#[derive(Debug)] pub enum E { A }"));
        assert!(split.items.contains("impl P { pub fn new()"));
        assert!(
            split.items.contains("for P { fn fmt("),
            "members of a trait have no visibility"
        );
        assert!(split.items.contains("pub struct T(pub i32, pub f64);"));
        assert!(!split.items.contains("run_user_code"));
        assert!(!split.cell.contains("struct") && split.cell.contains("use ctx::{P, E, T};"));
        assert!(split.cell.contains("macro_rules! m") && split.items.contains("macro_rules! m"));
        assert!(
            rewritten.whole.contains("pub struct P") && rewritten.whole.contains("run_user_code")
        );
    }

    #[test]
    fn items_are_the_same_whatever_the_cell() {
        let longer = CRATE.replace(
            "    let p = P::new();",
            "    let p = P::new();\n\n    let q = 1;",
        );
        let (one, other) = (
            rewrite(CRATE).split.unwrap(),
            rewrite(&longer).split.unwrap(),
        );
        assert!(!one.is_evcxrs_own);
        let own = "struct EvcxrError {}\nfn run_user_code_1() { let user = 1; }";
        assert!(rewrite(own).split.unwrap().is_evcxrs_own);
        let users = format!("fn show() {{ \"EVCXR_BEGIN_CONTENT\"; }}\n{own}");
        assert!(!rewrite(&users).split.unwrap().is_evcxrs_own);
        assert_ne!(one.cell, other.cell);
        assert_eq!(one.items, other.items);
        // evcxr puts items first. Where one comes later, lines are worth more.
        let later = format!("{CRATE}struct Later;\n");
        let items = rewrite(&later).split.unwrap().items;
        let line = |text: &str| text.lines().position(|line| line.contains("struct Later"));
        assert_eq!(line(&items), line(&later));
        assert!(items.contains("pub struct Later;"), "{items}");
    }

    #[test]
    fn lines_stay_and_columns_lead_back() {
        let rewritten = rewrite(CRATE);
        let split = rewritten.split.clone().unwrap();
        let line = |text: &str, wanted: &str| text.lines().position(|line| line.contains(wanted));
        assert_eq!(line(&split.cell, "P::new();"), line(CRATE, "P::new();"));
        assert_eq!(line(&split.items, "enum E"), line(CRATE, "enum E"));
        let at = |text: &str| text.lines().nth(2).unwrap().find("y: i32").unwrap() + 1;
        assert_eq!(
            rewritten.original_column(3, at(&rewritten.whole)),
            at(CRATE)
        );
        assert_eq!(rewritten.original_column(3, 1), 1);
        assert_eq!(rewritten.original_column(10, 9), 9);
    }

    #[test]
    fn what_cannot_be_made_public_stays_in_one_crate() {
        for item in [
            "thread_local! { static X: i32 = 1; }",
            "extern \"C\" { fn f(); }",
            "mod m;",
        ] {
            let rewritten = rewrite(&format!("struct P;\n{item}\nfn run_user_code_1() {{}}"));
            assert_eq!(rewritten.split, None, "{item}");
            assert!(
                rewritten.whole.starts_with("pub struct P;"),
                "types stay the same"
            );
        }
        assert_eq!(rewrite("struct P;").split, None, "no cell");
        let broken = "struct P {\nfn run_user_code_1() {}";
        assert_eq!(
            (rewrite(broken).split, rewrite(broken).whole.as_str()),
            (None, broken)
        );
    }

    #[test]
    fn only_loops_that_may_take_long_are_worth_optimising() {
        for long in [
            "fn f() { for i in 0..1_000_000_000u64 { x += i; } }",
            "fn f() { while x < y { x += 1; } }",
            "fn f() { (0..n).sum::<u64>() }",
            "fn f() { for i in 0..1000 { for j in 0..1000 { x += 1; } } }",
            "fn f() { for i in 0..n { } }",
        ] {
            assert!(has_long_loop(long), "{long}");
        }
        for short in [
            "fn f() { let x = 1; }",
            "fn f() { for i in 0..10 { println!(\"{i}\"); } }",
            "fn f() { for row in &rows { println!(\"{row}\"); } }",
            "mod evcxr_internal_runtime { fn f() { loop {} } }",
        ] {
            assert!(!has_long_loop(short), "{short}");
        }
    }
}
