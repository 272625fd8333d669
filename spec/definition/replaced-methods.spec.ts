import { replacedMethodsContract } from "../support/replaced-methods.contract.js";
import * as classes from "../support/wrapped.js";

replacedMethodsContract("standard", classes);
