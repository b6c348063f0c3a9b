//! What the whole catalog finds on a server: the program's own stages, without reports and bundles.

use pgdossier::assessment::Period;
use pgdossier::attestation::Attested;
use pgdossier::collect::{self, Collecting, Limits};
use pgdossier::control::{Applicability, Catalog, TargetFacts};
use pgdossier::evaluate::{Evaluating, evaluate};
use pgdossier::finding::Finding;
use pgdossier::host::HostAccess;
use pgdossier::profile::Profile;
use pgdossier::salt::Seed;
use pgdossier::target::{ConnectionSettings, Environment, Target};

use super::statements::{Given, People};

/// The catalog, with a sound statement for everything that people answer.
pub(crate) struct Judge {
    pub(crate) catalog: Catalog,
    pub(crate) people: People,
    sound: Attested,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let catalog = Catalog::embedded().unwrap();
        catalog.compile().unwrap_or_else(|problems| panic!("{problems}"));
        let people = People::of(&catalog);
        let sound = people.statements(None);
        Self {
            catalog,
            people,
            sound,
        }
    }

    /// Whether a control looks at the server's host, which is left out here.
    pub(crate) fn looks_at_the_host(&self, control: &str) -> bool {
        let control = self.catalog.control(control).unwrap();
        let mut collectors = control
            .evidence
            .iter()
            .filter_map(|request| collect::collector(&request.collector));
        collectors.any(|collector| collector.reads_host())
    }

    /// Whether a control is about servers that nobody else manages.
    pub(crate) fn is_about_servers_of_ones_own(&self, control: &str) -> bool {
        let facts = TargetFacts {
            major: Some(17),
            platform: Some("self-managed".to_owned()),
        };
        self.catalog.control(control).unwrap().applies.holds(&facts) == Applicability::Applies
    }

    /// A profile that is shipped.
    pub(crate) fn profile(&self, name: &str) -> Profile {
        Profile::shipped(name, &self.catalog).unwrap_or_else(|error| panic!("{error}"))
    }

    /// One finding for each control, where people said what they should.
    pub(crate) fn findings(&self, connection: &str, profile: &Profile) -> Vec<Finding> {
        self.findings_with(connection, profile, &self.sound)
    }

    /// One finding for each control, where one control's statement is not sound.
    pub(crate) fn findings_given(
        &self,
        connection: &str,
        profile: &Profile,
        control: &str,
        given: Given,
    ) -> Vec<Finding> {
        let attested = self.people.statements(Some((control, given)));
        self.findings_with(connection, profile, &attested)
    }

    fn findings_with(&self, connection: &str, profile: &Profile, attested: &Attested) -> Vec<Finding> {
        let target = Target {
            id: "server".to_owned(),
            connection: connection.to_owned(),
            tags: Vec::new(),
            site: None,
            host: HostAccess::None,
        };
        let settings = ConnectionSettings::resolve(connection, &Environment::default()).unwrap();
        let period = Period::parse("2026-Q4").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let collecting = Collecting {
            catalog: &self.catalog,
            attested,
            profile,
            documents: &People::documents(),
            as_of: crate::support::AS_OF.parse().unwrap(),
            period: &period,
            limits: Limits::default(),
            seed: &Seed::known([0; 32]),
        };
        let collected = runtime.block_on(collect::collect(&target, &settings, &collecting));
        assert_eq!(collected.failure, None);
        evaluate(Evaluating {
            catalog: &self.catalog,
            profile,
            facts: &collect::facts(collected.server.as_ref()),
            failure: None,
            evidence: &collected.evidence,
            assignments: &collected.assignments,
        })
    }
}
