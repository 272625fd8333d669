import { serviceOverlapContract } from "../../contracts/service-overlap.contract.js";
import { serviceSchedulesContract } from "../../contracts/service-schedules.contract.js";
import { sqliteSubject } from "../../support/store-subjects.js";

serviceSchedulesContract("SQLite", sqliteSubject);
serviceOverlapContract("SQLite", sqliteSubject);
