//! What the program says about itself: versions, completions, the manual page, the settings.

use super::Arguments;
use crate::messages::PROTOCOL_VERSION;
use crate::settings::Settings;
use crate::setup::libtorch;
use crate::setup::prepared::locked_version;
use clap::CommandFactory;
use std::io;
use std::sync::LazyLock;

/// Every version that a report of a problem should name.
static VERSIONS: LazyLock<String> = LazyLock::new(|| {
    let parts = [
        ("evcxr", locked_version("evcxr")),
        ("tch", locked_version("tch")),
        ("libtorch", libtorch::VERSION),
        ("rustc (built with)", env!("TORCHBOOK_RUSTC_VERSION")),
        ("Jupyter protocol", PROTOCOL_VERSION),
    ];
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    for (name, version) in parts {
        text.push_str(&format!("\n{name} {version}"));
    }
    text
});

/// The text of `--version`.
pub fn versions() -> &'static str {
    &VERSIONS
}

/// Writes the completions for a shell.
pub fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(
        shell,
        &mut Arguments::command(),
        "torchbook",
        &mut io::stdout(),
    );
}

/// Writes the manual page: the program's own, with each command's behind it.
pub fn manual() -> io::Result<()> {
    let mut program = Arguments::command();
    program.build();
    clap_mangen::Man::new(program.clone()).render(&mut io::stdout())?;
    for command in program
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let page = clap_mangen::Man::new(command.clone());
        page.render_name_section(&mut io::stdout())?;
        page.render_synopsis_section(&mut io::stdout())?;
        page.render_options_section(&mut io::stdout())?;
    }
    Ok(())
}

/// Writes every setting with its value and where that comes from.
pub fn settings(settings: &Settings) {
    match &settings.file {
        Some(file) if file.exists() => println!("# {}", file.display()),
        Some(file) => println!("# {} (not there)", file.display()),
        None => println!("# no file: there is no home folder"),
    }
    for effective in &settings.values {
        let setting = effective.setting;
        let value = format!("{} = {}", setting.key, effective.value);
        println!("{value:<40} # {} ({})", effective.origin, setting.variable);
    }
    for dependency in &settings.start_up.dependencies {
        println!("dependency: {dependency}");
    }
    for cell in &settings.start_up.cells {
        println!("startup: {cell}");
    }
}
