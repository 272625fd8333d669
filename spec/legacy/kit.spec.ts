import { kitContract } from "../testing/kit.contract.js";
import * as classes from "./kit-classes.js";

kitContract("legacy", classes);
