//! `offsite init`: a policy to begin with, and what to do next.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use offsite_shared::model::command::Cloud;
use offsite_shared::settings::environment::Environment;

use crate::cmd::show;
use crate::home::policy_file;

/// Options of `offsite init`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  offsite init tencent\n\nWithout a cloud it takes the one whose key is set. A file that is there stays as it is."
)]
pub struct InitArgs {
    /// The cloud whose backups are to be copied
    #[arg(value_enum)]
    pub cloud: Option<Of>,
    /// Where the policy is written
    #[arg(long, value_name = "FILE", default_value = "offsite.yaml")]
    pub policy: PathBuf,
}

/// A cloud, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// Tencent Cloud CBS: snapshots
    Tencent,
    /// Huawei Cloud CBR: backups
    Huawei,
    /// Alibaba Cloud HBR: a vault
    Alibaba,
}

impl Of {
    const ALL: [Of; 3] = [Of::Tencent, Of::Huawei, Of::Alibaba];

    fn cloud(self) -> Cloud {
        match self {
            Of::Tencent => Cloud::Tencent,
            Of::Huawei => Cloud::Huawei,
            Of::Alibaba => Cloud::Alibaba,
        }
    }

    fn policy(self) -> &'static str {
        match self {
            Of::Tencent => include_str!("tencent.yaml"),
            Of::Huawei => include_str!("huawei.yaml"),
            Of::Alibaba => include_str!("alibaba.yaml"),
        }
    }

    /// The variables that hold its key.
    fn key(self) -> [&'static str; 2] {
        let [id, secret, _] = offsite_shared::io::credentials::key_variables(self.cloud());
        [id, secret]
    }
}

/// Writes the policy, and says the next commands.
///
/// # Errors
/// No cloud is named and not one key is set, the file is there already, or it cannot be written.
pub fn run(args: &InitArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let set: Vec<Of> = Of::ALL.into_iter().filter(|of| environment.get(of.key()[0]).is_some()).collect();
    let of = match (args.cloud, &set[..]) {
        (Some(of), _) => of,
        (None, [of]) => *of,
        (None, _) => {
            anyhow::bail!("say which cloud: offsite init tencent, offsite init huawei or offsite init alibaba")
        }
    };
    let path = args.policy.display();
    ensure!(
        !args.policy.exists(),
        "{path} is there already and stays as it is: give another file by --policy, or edit it"
    );
    std::fs::write(&args.policy, of.policy()).with_context(|| format!("{path} could not be written"))?;
    policy_file::read(&args.policy)?;
    let [id, secret] = of.key();
    let key = match environment.get(id) {
        Some(_) => String::new(),
        None => format!("Set the key of the cloud: {id} and {secret}.\n"),
    };
    let places = match of {
        Of::Tencent => "regions",
        Of::Huawei => "regions, projects and vault",
        Of::Alibaba => "regions and vaults",
    };
    // The other commands find it by themselves where it has its usual name.
    let (of_file, named) = match path.to_string().as_str() {
        "offsite.yaml" => (String::new(), String::new()),
        file => (format!(" {file}"), format!(" --policy {file}")),
    };
    writeln!(
        out,
        "{path} is written: put your own {places} into it.\n{key}Then, none of these changes anything:\n\n  \
         offsite doctor{of_file}\n  offsite policy check --live{of_file}\n  offsite witness{named}\n"
    )?;
    let said = "The first says whether key, rights and places are right, the second what would be copied, the third which \
        backups have a copy already, whoever made it. And `offsite sweep` starts what is missing.";
    Ok(show::say(out, said, 0, show::width())?)
}
