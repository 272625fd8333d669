import { serviceSchedulesCrashContract } from "../../contracts/service-schedules-crash.contract.js";
import { sqliteSubject } from "../../support/store-subjects.js";

serviceSchedulesCrashContract("SQLite", sqliteSubject);
