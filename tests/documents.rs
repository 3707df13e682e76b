//! Documents that cannot lie: every TOML block of the README and of docs is a valid configuration of the daemon.
//! Blocks of the hub's configuration are marked `toml hub` and belong to the hub's own tests.

use std::path::{Path, PathBuf};

use callbox::config::Settings;

/// What a block may leave out: it is about something else.
const HEAD: &str =
    "[user]\napp = 1\nuser = \"door\"\nticket_file = \"ticket\"\n[signaling.websocket]\nurl = \"ws://hub/ws\"\n";

#[test]
fn every_toml_block_is_a_valid_configuration() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    files.extend(
        std::fs::read_dir(root.join("docs")).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())),
    );
    let markdown = files.iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut blocks = 0;
    for path in markdown {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for (line, block) in toml_blocks(&text) {
            blocks += 1;
            let whole = if block.contains("[user]") { block } else { format!("{HEAD}{block}") };
            if let Err(error) = Settings::parse(path, &whole, PathBuf::from("/etc/callbox")) {
                panic!("{}:{line}: {error}", path.display());
            }
        }
    }
    assert!(blocks > 0, "no block was found: is this test still looking in the right place?");
}

fn toml_blocks(text: &str) -> Vec<(usize, String)> {
    let (mut blocks, mut open): (_, Option<(usize, String)>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim()) {
            (None, "```toml") => open = Some((number + 1, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn blocks_are_found() {
    assert_eq!(toml_blocks("a\n```toml\nb = 1\n```\n```toml hub\nc\n```\n"), [(2, "b = 1\n".to_owned())]);
}
