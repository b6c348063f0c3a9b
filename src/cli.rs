//! The command line: one file a verb.

mod arguments;
mod assess;
mod attest;
mod attested;
mod commands;
mod completions;
mod controls;
mod demo;
mod execution;
mod form;
mod framework_coverage;
mod grants;
mod init;
mod keys;
mod man;
mod output;
mod page;
mod profile;
mod redact;
mod replay;
mod report;
mod review;
mod sample;
mod schemas;
mod series;
mod timestamp;
mod trust;
mod twin;
mod verify;
mod waiver;
mod waivers;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::output::Output;

/// How a run ended. DESIGN: 3 outranks 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Satisfied, or valid.
    Good = 0,
    /// The tool failed.
    Failed = 1,
    /// It was used wrongly: arguments, or files that the user wrote.
    Usage = 2,
    /// Exceptions were found.
    Exceptions = 3,
    /// Something was not evaluated.
    NotEvaluated = 4,
    /// Verification failed.
    Invalid = 5,
}

/// Why a verb did not do its work.
#[derive(Debug)]
pub struct Stop {
    exit: Exit,
    message: String,
}

impl Stop {
    fn failed(message: impl ToString) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.to_string(),
        }
    }

    fn usage(message: impl ToString) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.to_string(),
        }
    }
}

/// Compliance evidence for PostgreSQL: collected read-only, judged control by control, rendered for people, and sealed
/// in a signed bundle that an auditor can check without trusting whoever made it.
#[derive(Debug, Parser)]
#[command(name = "pgdossier", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 satisfied or valid; 1 the tool failed; 2 usage; 3 exceptions found; \
4 something was not evaluated; 5 verification failed."
)]
pub struct Cli {
    /// What standard output holds; progress and messages go to standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    format: output::Format,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one of it in a run
enum Verb {
    /// Lay out a workspace: commented files with which `pgdossier assess` needs no arguments.
    Init(init::Arguments),
    /// Assess PostgreSQL servers: collect, judge, render, seal and sign.
    Assess(assess::Arguments),
    /// Verify a bundle against what you trust.
    Verify(verify::Arguments),
    /// Write the page with which an auditor verifies a bundle in a browser: `pgdossier page > verify.html`.
    Page(page::Arguments),
    /// Approve or reject a bundle that somebody else made, signed with your own key.
    Review(review::Arguments),
    /// Have a time-stamping authority prove when a bundle was signed.
    Timestamp(timestamp::Arguments),
    /// Write, check, list and sign what people attest.
    #[command(subcommand)]
    Attest(attest::Verb),
    /// Write, check, list and sign waivers: exceptions that somebody accepts for a time.
    #[command(subcommand)]
    Waiver(waiver::Verb),
    /// List profiles, and show what one comes to and where each value comes from.
    #[command(subcommand)]
    Profile(profile::Verb),
    /// Make keys and show their public half.
    #[command(subcommand)]
    Keys(keys::Verb),
    /// Write, change and show a trust policy: whose signatures you accept, for what.
    #[command(subcommand)]
    Trust(trust::Verb),
    /// List, show and check controls.
    #[command(subcommand)]
    Controls(controls::Verb),
    /// List everything that is ever run on a server's host, and rules of sudo for it.
    Commands(commands::Arguments),
    /// Print the SQL for a least-privilege role that can see everything needed.
    Grants(grants::Arguments),
    /// Render a bundle's report again, and compare it with the sealed one.
    Report(report::Arguments),
    /// Judge a bundle's evidence again, without a database, and compare with the sealed findings.
    Replay(replay::Arguments),
    /// Look at all bundles of a series: gaps, late runs, forks, what was changed, and the checkpoint to keep.
    #[command(subcommand)]
    Series(series::Verb),
    /// Choose rows of a control's population for testing, so that anybody chooses the same.
    Sample(sample::Arguments),
    /// Make a copy for a third party in which files, rows or fields are withheld and the signature still verifies.
    Redact(redact::Arguments),
    /// See it work: two throwaway servers, one weak and one hardened, assessed as one.
    Demo(demo::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
    /// Write the manual pages.
    Man(man::Arguments),
}

/// Parses the arguments, runs the verb and tells how it ended.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.format);
    let result = match cli.verb {
        Verb::Init(arguments) => init::run(&arguments, &output),
        Verb::Assess(arguments) => assess::run(&arguments, &output),
        Verb::Verify(arguments) => verify::run(&arguments, &output),
        Verb::Page(arguments) => page::run(&arguments, &output),
        Verb::Review(arguments) => review::run(&arguments, &output),
        Verb::Timestamp(arguments) => timestamp::run(&arguments, &output),
        Verb::Attest(verb) => attest::run(&verb, &output),
        Verb::Waiver(verb) => waiver::run(&verb, &output),
        Verb::Profile(verb) => profile::run(&verb, &output),
        Verb::Keys(verb) => keys::run(&verb, &output),
        Verb::Trust(verb) => trust::run(&verb, &output),
        Verb::Controls(verb) => controls::run(&verb, &output),
        Verb::Commands(arguments) => commands::run(&arguments, &output),
        Verb::Grants(arguments) => grants::run(&arguments, &output),
        Verb::Report(arguments) => report::run(&arguments, &output),
        Verb::Replay(arguments) => replay::run(&arguments, &output),
        Verb::Series(verb) => series::run(&verb, &output),
        Verb::Sample(arguments) => sample::run(&arguments, &output),
        Verb::Redact(arguments) => redact::run(&arguments, &output),
        Verb::Demo(arguments) => demo::run(&arguments, &output),
        Verb::Completions(arguments) => completions::run(&arguments, &output),
        Verb::Man(arguments) => man::run(&arguments, &output),
    };
    let exit = result.unwrap_or_else(|stop| {
        output.error(&stop.message);
        stop.exit
    });
    ExitCode::from(exit as u8)
}
