//! Inspections: what a name is, its type, its documentation and, on request, its source.

use super::Detail;
use super::known::{GENERATED_PREFIX, Surrounded};
use super::workspace::Workspace;
use crate::display::Bundle;
use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};
use ra_ap_ide::{
    FilePosition, FileRange, GotoDefinitionConfig, HoverConfig, HoverDocFormat, RaFixtureConfig,
    SubstTyLen, SymbolKind, TextRange, TextSize,
};
use ra_ap_syntax::ast::{self, HasArgList};
use ra_ap_syntax::{AstNode, SourceFile, SyntaxKind, SyntaxToken};

/// Longer definitions are cut.
const SOURCE_LINES: usize = 200;

/// In a small tooltip the first level, which `# Errors` has, would be louder than the name.
const HEADINGS: HeadingLevel = HeadingLevel::H4;

/// What is known of the name at a position of the cell.
pub fn inspect(
    workspace: &Workspace,
    cell: &Surrounded,
    cursor: usize,
    detail: Detail,
) -> Option<Bundle> {
    let analysis = workspace.analysis();
    let cursor = TextSize::try_from(cell.start + cursor).ok()?;
    let name = named_at(&analysis.parse(workspace.cell_file()).ok()?, cursor)?;
    let offset = name.text_range().start();
    let hover = |format| {
        let range = FileRange {
            file_id: workspace.cell_file(),
            range: TextRange::empty(offset),
        };
        let result = analysis.hover(&hover_configuration(format), range).ok()??;
        Some(String::from(result.info.markup))
    };
    let mut plain = hover(HoverDocFormat::PlainText)?;
    let mut markdown = hover(HoverDocFormat::Markdown)?;
    if detail == Detail::Source
        && let Some(source) = definition(workspace, &analysis, offset)
    {
        plain = format!("{plain}\n\nSource:\n{source}");
        markdown = format!("{markdown}\n\n---\n\n```rust\n{source}\n```");
    }
    Some(bundle(plain, markdown))
}

/// A text as a client shows it: plain, Markdown and HTML.
pub fn bundle(plain: String, markdown: String) -> Bundle {
    let mut html = String::new();
    let parts = pulldown_cmark::Parser::new(&markdown).map(|part| match part {
        Event::Start(Tag::Heading {
            id, classes, attrs, ..
        }) => Event::Start(Tag::Heading {
            level: HEADINGS,
            id,
            classes,
            attrs,
        }),
        Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(HEADINGS)),
        other => other,
    });
    pulldown_cmark::html::push_html(&mut html, parts);
    let mut bundle = Bundle::new();
    bundle.insert("text/plain".into(), plain.into());
    bundle.insert("text/markdown".into(), markdown.into());
    bundle.insert("text/html".into(), html.into());
    bundle
}

/// The word at the cursor, or the name of the call whose arguments it is in.
fn named_at(file: &SourceFile, cursor: TextSize) -> Option<SyntaxToken> {
    let tokens = file.syntax().token_at_offset(cursor);
    let is_word = |token: &SyntaxToken| {
        token.kind() == SyntaxKind::IDENT
            || token.kind() == SyntaxKind::LIFETIME_IDENT
            || token.kind().is_keyword(super::completeness::EDITION)
    };
    if let Some(word) = tokens.clone().find(is_word) {
        return Some(word);
    }
    let inside = tokens.left_biased()?;
    inside.parent_ancestors().find_map(|node| {
        if let Some(call) = ast::CallExpr::cast(node.clone()) {
            let callee = call.arg_list().and(call.expr())?;
            return last_word(callee.syntax());
        }
        if let Some(call) = ast::MethodCallExpr::cast(node.clone()) {
            return last_word(call.name_ref()?.syntax());
        }
        last_word(ast::MacroCall::cast(node)?.path()?.syntax())
    })
}

fn last_word(node: &ra_ap_syntax::SyntaxNode) -> Option<SyntaxToken> {
    node.descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| token.kind() == SyntaxKind::IDENT)
        .last()
}

/// The source of what is named there, unless it is a variable.
fn definition(
    workspace: &Workspace,
    analysis: &ra_ap_ide::Analysis,
    offset: TextSize,
) -> Option<String> {
    let position = FilePosition {
        file_id: workspace.cell_file(),
        offset,
    };
    let configuration = GotoDefinitionConfig {
        ra_fixture: RaFixtureConfig::default(),
    };
    let targets = analysis.goto_definition(position, &configuration).ok()??;
    let target = targets.info.into_iter().find(|target| {
        !target.name.as_str().starts_with(GENERATED_PREFIX)
            && !matches!(
                target.kind,
                None | Some(SymbolKind::Local | SymbolKind::Module | SymbolKind::CrateRoot)
            )
    })?;
    let text = analysis.file_text(target.file_id).ok()?;
    let source = text.get(std::ops::Range::<usize>::from(target.full_range))?;
    let mut lines: Vec<&str> = source.lines().take(SOURCE_LINES).collect();
    if source.lines().nth(SOURCE_LINES).is_some() {
        lines.push("// …");
    }
    Some(lines.join("\n"))
}

fn hover_configuration(format: HoverDocFormat) -> HoverConfig<'static> {
    HoverConfig {
        links_in_hover: true,
        memory_layout: None,
        documentation: true,
        keywords: true,
        format,
        max_trait_assoc_items_count: Some(20),
        max_fields_count: Some(20),
        max_enum_variants_count: Some(20),
        max_subst_ty_len: SubstTyLen::Unlimited,
        show_drop_glue: false,
        ra_fixture: RaFixtureConfig::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_small_and_the_markdown_is_as_written() {
        let bundle = bundle("plain".into(), "# Errors\nif it *fails*".into());
        assert_eq!(
            bundle["text/html"],
            "<h4>Errors</h4>\n<p>if it <em>fails</em></p>\n"
        );
        assert_eq!(bundle["text/markdown"], "# Errors\nif it *fails*");
    }
}
