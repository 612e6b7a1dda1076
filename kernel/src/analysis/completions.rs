//! Completions: rust-analyzer's proposals, cut down to what a Jupyter client can insert.
//!
//! A client replaces one range of the code by plain text: no snippets, no imports on the
//! side, no postfix templates.

use super::known::{GENERATED_PREFIX, Surrounded};
use super::workspace::Workspace;
use super::{Completion, Completions};
use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    CompletionConfig, CompletionFieldsToResolve, CompletionItem, CompletionItemKind, FilePosition,
    RaFixtureConfig, SymbolKind,
};
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};
use std::collections::HashSet;
use std::ops::Range;

/// What may stand at a position of the cell.
pub fn complete(workspace: &Workspace, cell: &Surrounded, cursor: usize) -> Completions {
    let at = cell.start + cursor;
    let Ok(offset) = u32::try_from(at) else {
        return Completions::none(cursor);
    };
    let position = FilePosition {
        file_id: workspace.cell_file(),
        offset: offset.into(),
    };
    let mut proposals = workspace
        .analysis()
        .completions(&configuration(), position, None)
        // Only a change of the text cancels a question, and there is none now.
        .ok()
        .flatten()
        .unwrap_or_default();
    proposals.sort_by(|a, b| {
        let score = |item: &CompletionItem| item.relevance.score();
        score(b)
            .cmp(&score(a))
            .then_with(|| a.lookup.cmp(&b.lookup))
    });
    let typed = typed_range(&proposals, at);
    let prefix = cell.text.get(typed.clone()).unwrap_or_default();
    let mut items = matching(&proposals, &typed, |item| item.starts_with(prefix));
    if items.is_empty() {
        let prefix = prefix.to_lowercase();
        items = matching(&proposals, &typed, |item| {
            item.to_lowercase().starts_with(&prefix)
        });
    }
    Completions {
        items,
        range: typed.start.saturating_sub(cell.start)..typed.end.saturating_sub(cell.start),
    }
}

/// The part of a word that is there already; most proposals replace the same.
fn typed_range(proposals: &[CompletionItem], at: usize) -> Range<usize> {
    let range = proposals
        .first()
        .map_or(at..at, |item| item.source_range.into());
    range.start..at.max(range.start)
}

fn matching(
    proposals: &[CompletionItem],
    typed: &Range<usize>,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Completion> {
    let mut seen = HashSet::new();
    proposals
        .iter()
        .filter(|item| is_wanted(&item.lookup))
        .filter_map(|item| completion(item, typed))
        .filter(|completion| seen.insert(completion.text.clone()))
        .collect()
}

fn completion(item: &CompletionItem, typed: &Range<usize>) -> Option<Completion> {
    let mut edits = item.text_edit.iter();
    let (edit, None) = (edits.next()?, edits.next()) else {
        return None;
    };
    let text = edit.insert.trim_end().to_owned();
    let replaces_the_word = usize::from(edit.delete.start()) == typed.start;
    (replaces_the_word && !text.is_empty() && !text.starts_with(GENERATED_PREFIX)).then(|| {
        Completion {
            text,
            kind: kind(item.kind),
            // rust-analyzer spells out the allocator that nobody writes.
            signature: item
                .detail
                .as_deref()
                .unwrap_or_default()
                .replace(", Global>", ">"),
        }
    })
}

fn configuration() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
        enable_self_on_the_fly: false,
        enable_auto_iter: false,
        enable_auto_await: false,
        enable_private_editable: false,
        // Searches for expressions of the expected type, for hundreds of milliseconds.
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: None,
        add_colons_to_module: false,
        add_semicolon_to_unit: false,
        snippet_cap: None,
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::ByCrate,
            group: false,
            skip_glob_imports: false,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve::empty(),
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig::default(),
    }
}

/// Kinds as JupyterLab knows them.
fn kind(kind: CompletionItemKind) -> &'static str {
    use CompletionItemKind as K;
    use SymbolKind as S;
    match kind {
        K::SymbolKind(symbol) => match symbol {
            S::Function | S::Method | S::Macro | S::ProcMacro => "function",
            S::Struct
            | S::Enum
            | S::Union
            | S::Trait
            | S::TypeAlias
            | S::TypeParam
            | S::SelfType
            | S::Impl => "class",
            S::Module | S::CrateRoot | S::ToolModule => "module",
            S::Field => "property",
            S::ValueParam | S::SelfParam => "param",
            S::Attribute | S::BuiltinAttr | S::Derive | S::DeriveHelper => "statement",
            S::Const
            | S::ConstParam
            | S::Static
            | S::Variant
            | S::Local
            | S::Label
            | S::LifetimeParam
            | S::InlineAsmRegOrRegClass => "instance",
        },
        K::BuiltinType => "class",
        K::Keyword => "keyword",
        K::Snippet => "statement",
        K::Binding | K::InferredType | K::UnresolvedReference | K::Expression => "instance",
    }
}
