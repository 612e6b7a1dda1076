//! What the notebook has defined so far, and the Rust text that stands for it around a cell.
//!
//! The text is only analysed, never compiled: items and imports as the cells wrote them,
//! variables by their types, and the cell in the body of a function.

use super::commands::{command_lines, without_commands};
use super::completeness::EDITION;
use ra_ap_syntax::ast::{self, HasModuleItem, HasName};
use ra_ap_syntax::{AstNode, SourceFile};

/// Names in the generated text start with this; no answer shows them.
pub const GENERATED_PREFIX: &str = "torchbook_analysis_";

/// A variable of the notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// Its type as Rust code.
    pub type_name: String,
    pub is_mutable: bool,
}

/// Definitions of the cells so far.
#[derive(Debug, Clone, Default)]
pub struct Known {
    items: Vec<Item>,
    variables: Vec<Variable>,
    /// The cell that runs now: what it defines can be used in the next one.
    running: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    /// Imports and implementations have none.
    name: Option<String>,
    text: String,
}

/// A cell inside the text that is analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surrounded {
    pub text: String,
    /// Where the cell starts in it.
    pub start: usize,
}

impl Known {
    /// A cell is about to run.
    pub fn cell_starts(&mut self, code: &str) {
        // One that cannot be read would break what comes after it.
        self.running = parsed(code).map(|_| without_commands(code));
    }

    /// The running cell has ended. Where it was compiled, its definitions hold, even if it failed.
    /// `variables` are all that there are now, names and types.
    pub fn cell_ends(&mut self, code: &str, compiled: bool, variables: Vec<(String, String)>) {
        self.running = None;
        let cleared = command_lines(code).iter().any(|c| c.name == ":clear");
        if compiled && cleared {
            self.items.clear();
        }
        let file = parsed(code);
        if compiled && let Some(file) = &file {
            for item in statements(file).filter_map(ast::Item::cast) {
                self.define(&item);
            }
        }
        let mutable: Vec<String> = file
            .iter()
            .flat_map(|file| file.syntax().descendants())
            .filter_map(ast::IdentPat::cast)
            .filter(|pattern| pattern.mut_token().is_some())
            .filter_map(|pattern| Some(pattern.name()?.text().to_string()))
            .collect();
        let was_mutable = |name: &str| {
            let known = self.variables.iter().find(|known| known.name == name);
            known.is_some_and(|known| known.is_mutable)
        };
        self.variables = variables
            .into_iter()
            .map(|(name, type_name)| Variable {
                is_mutable: mutable.contains(&name) || was_mutable(&name),
                name,
                type_name,
            })
            .collect();
        self.variables.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn define(&mut self, item: &ast::Item) {
        let name = match item {
            // A call such as `println!(…)` defines nothing that can be named.
            ast::Item::MacroCall(_) => return,
            ast::Item::MacroRules(item) => item.name(),
            ast::Item::MacroDef(item) => item.name(),
            ast::Item::Const(item) => item.name(),
            ast::Item::Enum(item) => item.name(),
            ast::Item::Fn(item) => item.name(),
            ast::Item::Module(item) => item.name(),
            ast::Item::Static(item) => item.name(),
            ast::Item::Struct(item) => item.name(),
            ast::Item::Trait(item) => item.name(),
            ast::Item::TypeAlias(item) => item.name(),
            ast::Item::Union(item) => item.name(),
            _ => None,
        };
        let item = Item {
            name: name.map(|name| name.text().to_string()),
            text: item.syntax().text().to_string(),
        };
        // A later definition of the same name replaces the earlier one, as in evcxr.
        let earlier = self.items.iter_mut().find(|known| match &item.name {
            Some(_) => known.name == item.name,
            None => known.text == item.text,
        });
        match earlier {
            Some(earlier) => *earlier = item,
            None => self.items.push(item),
        }
    }

    /// A cell in the text that is analysed, at the end of all that is known.
    pub fn surround(&self, code: &str) -> Surrounded {
        let mut text = String::from("#![allow(warnings)]\n");
        for item in &self.items {
            text.push_str(&item.text);
            text.push('\n');
        }
        // `?` and `.await` are allowed in cells.
        text.push_str(&format!(
            "async fn {GENERATED_PREFIX}cell() -> Result<(), Box<dyn std::error::Error>> {{\n"
        ));
        for variable in &self.variables {
            let mutable = if variable.is_mutable { "mut " } else { "" };
            text.push_str(&format!(
                "let {mutable}{}: {};\n",
                variable.name, variable.type_name
            ));
        }
        if let Some(running) = &self.running {
            text.push_str(running);
            text.push_str("\n;\n");
        }
        let start = text.len();
        text.push_str(&without_commands(code));
        text.push_str("\n;\n}\n");
        Surrounded { text, start }
    }
}

/// A cell as the body of a function, if there is no error in it.
fn parsed(code: &str) -> Option<SourceFile> {
    let text = format!("fn cell() {{{}\n}}", without_commands(code));
    SourceFile::parse(&text, EDITION).ok().ok()
}

/// The statements of a parsed cell.
fn statements(file: &SourceFile) -> impl Iterator<Item = ra_ap_syntax::SyntaxNode> {
    let function = file.items().find_map(|item| match item {
        ast::Item::Fn(function) => function.body()?.stmt_list(),
        _ => None,
    });
    function
        .into_iter()
        .flat_map(|list| list.syntax().children().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, type_name): &(&str, &str)| ((*name).into(), (*type_name).into());
        list.iter().map(owned).collect()
    }

    fn text(known: &Known) -> String {
        known.surround("here").text
    }

    #[test]
    fn definitions_replace_their_namesakes_and_imports_come_once() {
        let mut known = Known::default();
        known.cell_ends("use a::b; fn f() {}\nprintln!(\"x\");", true, vec![]);
        known.cell_ends(
            ":dep rand\nuse a::b; fn f() { g() }\nimpl X {}",
            true,
            vec![],
        );
        let text = text(&known);
        assert_eq!(text.matches("use a::b;").count(), 1, "{text}");
        assert_eq!(text.matches("fn f()").count(), 1, "{text}");
        assert!(
            text.contains("fn f() { g() }") && text.contains("impl X {}"),
            "{text}"
        );
        assert!(!text.contains("println"), "{text}");
    }

    #[test]
    fn what_does_not_compile_defines_nothing() {
        let mut known = Known::default();
        known.cell_starts("fn f() {}");
        known.cell_ends("fn f() {}", false, vec![]);
        assert!(!text(&known).contains("fn f()"));
    }

    #[test]
    fn variables_keep_their_mutability() {
        let mut known = Known::default();
        known.cell_ends(
            "let mut a = 1; let b = 2;",
            true,
            variables(&[("a", "i32"), ("b", "u8")]),
        );
        known.cell_ends("a += 1;", true, variables(&[("a", "i32")]));
        let text = text(&known);
        assert!(
            text.contains("let mut a: i32;\n") && !text.contains("let b"),
            "{text}"
        );
    }

    #[test]
    fn the_running_cell_counts_while_it_runs() {
        let mut known = Known::default();
        known.cell_starts("let model = Model::new();");
        assert!(text(&known).contains("let model = Model::new();"));
        known.cell_ends("let model = Model::new();", false, vec![]);
        assert!(!text(&known).contains("let model"));
        known.cell_starts("let model = (;");
        assert!(!text(&known).contains("let model"));
    }

    #[test]
    fn clearing_forgets() {
        let mut known = Known::default();
        known.cell_ends("fn f() {}", true, vec![]);
        known.cell_ends(":clear\nfn g() {}", true, vec![]);
        assert!(!text(&known).contains("fn f()") && text(&known).contains("fn g()"));
    }

    #[test]
    fn the_cell_keeps_its_bytes() {
        let code = ":dep é\nlet a = 1;\na.";
        let surrounded = Known::default().surround(code);
        let cell = &surrounded.text[surrounded.start..surrounded.start + code.len()];
        assert!(cell.ends_with("let a = 1;\na."));
    }
}
