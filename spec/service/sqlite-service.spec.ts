import { serviceBuildsContract } from "../contracts/service-builds.contract.js";
import { serviceFollowingContract } from "../contracts/service-following.contract.js";
import { serviceResumingContract } from "../contracts/service-resuming.contract.js";
import { serviceSendingContract } from "../contracts/service-sending.contract.js";
import { serviceSharingContract } from "../contracts/service-sharing.contract.js";
import { serviceActingContract } from "../contracts/service-acting.contract.js";
import { serviceStoppingContract } from "../contracts/service-stopping.contract.js";
import { serviceSubmittingContract } from "../contracts/service-submitting.contract.js";
import { sqliteSubject } from "../support/store-subjects.js";

serviceSubmittingContract("SQLite", sqliteSubject);
serviceBuildsContract("SQLite", sqliteSubject);
serviceStoppingContract("SQLite", sqliteSubject);
serviceFollowingContract("SQLite", sqliteSubject);
serviceSharingContract("SQLite", sqliteSubject);
serviceActingContract("SQLite", sqliteSubject);
serviceResumingContract("SQLite", sqliteSubject);
serviceSendingContract("SQLite", sqliteSubject);
