import { choosingContract } from "../../contracts/store-choosing.contract.js";
import { limitingContract } from "../../contracts/store-limiting.contract.js";
import { lookingAfterContract } from "../../contracts/store-looking-after.contract.js";
import { wakingContract } from "../../contracts/store-waking.contract.js";
import { queueingContract } from "../../contracts/store-queueing.contract.js";
import { reservingContract } from "../../contracts/store-reserving.contract.js";
import { requestingContract } from "../../contracts/store-requesting.contract.js";
import { sqliteSubject } from "../../support/store-subjects.js";

queueingContract("SQLite", sqliteSubject, {
  damagedTime: "'damaged'",
  deletingTrigger: [
    `create trigger deleting before insert on runs when exists (select id from runs where id = 'a') begin
    delete from runs where id = 'a';
    select raise(ignore);
  end`,
  ],
});
choosingContract("SQLite", sqliteSubject);
reservingContract("SQLite", sqliteSubject);
lookingAfterContract("SQLite", sqliteSubject);
requestingContract("SQLite", sqliteSubject);
limitingContract("SQLite", sqliteSubject);
wakingContract("SQLite", sqliteSubject);
