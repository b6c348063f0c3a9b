//! Blocks of a file of SQL that say what a control must, or must not, raise; and servers that have what they say.
#![allow(dead_code)] // each test file uses its own part

use std::collections::BTreeMap;
use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};

/// What a block can say; any other line with two hyphens is a remark.
const NAMES: &[&str] = &[
    "control",
    "expect",
    "count",
    "also",
    "server",
    "database",
    "setting",
    "hba",
    "hba-last",
    "later",
    "reloaded",
    "initdb",
    "login",
    "parameter",
    "profile",
    "never",
    "about",
];

/// One block: what it says by name, in order, and its SQL.
#[derive(Debug)]
pub(crate) struct Block {
    /// The file that it stands in.
    pub(crate) file: String,
    said: Vec<(String, String)>,
    pub(crate) statements: Vec<String>,
}

impl Block {
    /// All that is said by this name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.said.iter().filter(|(said, _)| said == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

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
        .flat_map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            blocks(&std::fs::read_to_string(file).unwrap(), &name, first)
        })
        .collect()
}

/// The blocks of a file, each beginning with a line that says `first`.
fn blocks(text: &str, file: &str, first: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut sql = String::new();
    for line in text.lines() {
        let said = line
            .strip_prefix("-- ")
            .and_then(|said| said.split_once(": "))
            .filter(|(name, _)| NAMES.contains(name));
        if said.is_some_and(|(name, _)| name == first) {
            end_of_block(&mut blocks, &mut sql);
            blocks.push(Block {
                file: file.to_owned(),
                said: Vec::new(),
                statements: Vec::new(),
            });
        }
        let Some(block) = blocks.last_mut() else { continue };
        match said {
            Some((name, value)) => block.said.push((name.to_owned(), value.to_owned())),
            None => sql.push_str(&format!("{line}\n")),
        }
    }
    end_of_block(&mut blocks, &mut sql);
    blocks
}

fn end_of_block(blocks: &mut [Block], sql: &mut String) {
    if let Some(block) = blocks.last_mut() {
        block.statements = statements(sql);
    }
    sql.clear();
}

/// The statements of a text, each ending with its line; remarks and empty lines are left out.
pub(crate) fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("--") && !line.is_empty());
    for line in lines {
        let statement = statements.last_mut().unwrap();
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') {
            statements.push(String::new());
        }
    }
    assert_eq!(statements.pop().unwrap(), "", "a statement without its end");
    statements
}

/// Where the programs of this major version are.
pub(crate) fn bin_dir(major: u32) -> PathBuf {
    let bin_dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
    assert!(
        bin_dir.join("postgres").exists(),
        "PostgreSQL {major} is missing: run scripts/install-servers"
    );
    bin_dir
}

/// A PostgreSQL server of this major version that has everything the blocks say.
pub(crate) fn start(major: u32, initdb: &[&str], blocks: &[&Block]) -> Cluster {
    start_in(bin_dir(major), initdb, blocks)
}

/// The same, of the programs in this folder.
pub(crate) fn start_in(bin_dir: PathBuf, initdb: &[&str], blocks: &[&Block]) -> Cluster {
    let said = |name: &str| -> Vec<&str> { blocks.iter().flat_map(|block| block.all(name)).collect() };
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
        run(&|database| cluster.conninfo(database), block);
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

/// Runs a block's SQL in its database, on the server that the connection string names.
pub(crate) fn run(conninfo: &dyn Fn(&str) -> String, block: &Block) {
    let database = block.one("database").unwrap_or("postgres");
    run_each(&conninfo(database), &block.statements);
}

/// Each statement by itself, for some may not share a transaction.
pub(crate) fn run_each(conninfo: &str, statements: &[String]) {
    if !statements.is_empty() {
        try_each(conninfo, statements).unwrap_or_else(|error| panic!("{error:?} in {statements:#?}"));
    }
}

/// The same, where a refusal is no surprise.
pub(crate) fn try_each(conninfo: &str, statements: &[String]) -> Result<(), tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(conninfo, tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        for statement in statements {
            client.batch_execute(statement).await?;
        }
        drop(client);
        let _ = driver.await;
        Ok(())
    })
}

/// Adds lines to a file of the data directory.
pub(crate) fn append(cluster: &Cluster, file: &str, lines: &[&str]) {
    let path = cluster.data_dir().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + &lines.join("\n") + "\n").unwrap();
}
