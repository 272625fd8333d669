import * as classes from "./kit-classes.js";
import { kitContract } from "./kit.contract.js";

kitContract("standard", classes);
