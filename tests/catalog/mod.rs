//! Blocks of a file of SQL that say what a control must, or must not, raise; and servers that have what they say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};

/// One block: what it says by name, in order, and its SQL.
#[derive(Debug)]
pub(crate) struct Block {
    said: Vec<(String, String)>,
    statements: Vec<String>,
}

impl Block {
    /// What is said by this name, at most once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let mut named = self.said.iter().filter(|(said, _)| said == name);
        let found = named.next();
        assert!(named.next().is_none(), "`{name}` twice in {self:?}");
        found.map(|(_, value)| value.as_str())
    }
}

/// The blocks of all files of a folder beside this file, in the order of their names.
pub(crate) fn blocks_in(folder: &str, first: &str) -> Vec<Block> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/catalog")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| blocks(&std::fs::read_to_string(file).unwrap(), first))
        .collect()
}

/// The blocks of a file, each beginning with a line that says `first`.
fn blocks(text: &str, first: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut statement = String::new();
    for line in text.lines() {
        let said = line.strip_prefix("-- ").and_then(|said| said.split_once(": "));
        if let Some((name, _)) = said
            && name == first
        {
            blocks.push(Block {
                said: Vec::new(),
                statements: Vec::new(),
            });
        }
        let Some(block) = blocks.last_mut() else { continue };
        match said {
            Some((name, value)) => block.said.push((name.to_owned(), value.to_owned())),
            None if line.starts_with("--") => {}
            None => {
                statement.push_str(line);
                if line.ends_with(';') {
                    block.statements.push(std::mem::take(&mut statement));
                }
            }
        }
    }
    assert_eq!(statement.trim(), "", "a statement without its end");
    blocks
}

/// A PostgreSQL server of this major version that has everything the blocks say.
pub(crate) fn start(major: u32, initdb: &[&str], blocks: &[&Block]) -> Cluster {
    let bin_dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
    assert!(
        bin_dir.join("postgres").exists(),
        "PostgreSQL {major} is missing: run scripts/install-servers"
    );
    let said = |name: &str| -> Vec<String> {
        let lines = blocks.iter().flat_map(|block| block.said.iter());
        lines
            .filter(|(said, _)| said == name)
            .map(|(_, value)| value.clone())
            .collect()
    };
    let mut settings = BTreeMap::new();
    for line in said("setting") {
        let (name, value) = line.split_once(" = ").expect("name = value");
        let before = settings.insert(name.to_owned(), value.to_owned());
        assert!(before.is_none(), "{name} is set twice");
    }
    let cluster = Cluster::start(ClusterOptions {
        bin_dir: Some(bin_dir),
        settings: settings.into_iter().collect(),
        hba: Some(said("hba").join("\n") + "\n"),
        files: certificate(),
        initdb_arguments: initdb.iter().map(|argument| (*argument).to_owned()).collect(),
        ..ClusterOptions::default()
    })
    .unwrap();
    for block in blocks {
        run(&cluster, block);
    }
    let later = said("later");
    if !later.is_empty() {
        let path = cluster.data_dir().join("pg_hba.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + &later.join("\n") + "\n").unwrap();
    }
    cluster
}

/// What `ssl = on` needs.
fn certificate() -> Vec<ClusterFile> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = |name: &str, contents: String| ClusterFile {
        name: name.to_owned(),
        contents: contents.into_bytes(),
        mode: 0o600,
    };
    vec![
        file("server.crt", made.cert.pem()),
        file("server.key", made.signing_key.serialize_pem()),
    ]
}

/// Each statement by itself, for some may not share a transaction.
fn run(cluster: &Cluster, block: &Block) {
    if block.statements.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let conninfo = cluster.conninfo(block.one("database").unwrap_or("postgres"));
        let (client, connection) = tokio_postgres::connect(&conninfo, tokio_postgres::NoTls)
            .await
            .unwrap_or_else(|error| panic!("{error:?} for {block:?}"));
        let driver = tokio::spawn(connection);
        for statement in &block.statements {
            client
                .batch_execute(statement)
                .await
                .unwrap_or_else(|error| panic!("{error:?} in {statement}"));
        }
        drop(client);
        let _ = driver.await;
    });
}
