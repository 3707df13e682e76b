//! Writes man pages and shell completions into a folder: `callbox-manual FOLDER`. The programs themselves stay free of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, Parser};
use clap_complete::{Shell, generate_to};

/// Writes the man pages and shell completions of callbox and callbox-hub.
#[derive(Parser)]
struct Args {
    /// Where to
    folder: PathBuf,
}

fn main() -> io::Result<()> {
    let folder = Args::parse().folder;
    for (name, command) in programs() {
        write(&folder.join(name), name, command)?;
    }
    Ok(())
}

/// Each program's name and command line.
fn programs() -> [(&'static str, Command); 2] {
    [
        ("callbox", callbox::cli::Cli::command().name("callbox")),
        ("callbox-hub", callbox_hub::cli::Cli::command().name("callbox-hub")),
    ]
}

/// One page a command, and one file a shell.
fn write(folder: &Path, name: &str, mut command: Command) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, name, folder)?;
    }
    clap_mangen::generate_to(command, folder)
}

#[cfg(test)]
mod tests {
    use std::process::Command as Process;

    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, command) in programs() {
            let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
            let commands: Vec<_> = shown.map(|sub| sub.get_name().to_owned()).collect();
            assert!(!commands.is_empty(), "{name} has no commands");
            write(folder.path(), name, command).unwrap();
            for page in commands.iter().map(|sub| format!("{name}-{sub}.1")).chain([format!("{name}.1")]) {
                let text = fs::read_to_string(folder.path().join(&page)).unwrap();
                assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
            }
            for file in [format!("{name}.bash"), format!("_{name}"), format!("{name}.fish")] {
                assert!(folder.path().join(&file).exists(), "{file}");
            }
            let bash = Process::new("bash").arg("-n").arg(folder.path().join(format!("{name}.bash"))).status().unwrap();
            assert!(bash.success(), "bash does not read the completions of {name}");
        }
        let doctor = fs::read_to_string(folder.path().join("callbox-doctor.1")).unwrap();
        assert!(!doctor.contains("probe"), "what is hidden is not documented");
    }
}
