import { useId } from "preact/hooks";
import { ownValue } from "../../../base/objects.js";
import type { Schema } from "../data.js";
import { JsonField } from "./json-field.js";

/** What was typed for a value, or for each of its properties. */
export type Draft = string | { readonly [name: string]: Draft };

interface SchemaFieldProps {
  readonly name: string;
  readonly schema: Schema | undefined;
  readonly isRequired: boolean;
  readonly draft: Draft | undefined;
  readonly onDraft: (draft: Draft) => void;
}

/** A field, or several, for a value that a JSON schema describes. What has no field of its own is typed as JSON. */
export function SchemaField({ name, schema = {}, isRequired, draft, onDraft }: SchemaFieldProps) {
  const id = useId();
  const { type, description, title, properties, minimum, maximum, format } = schema;
  const label = (title as string | undefined) ?? name;
  const text = typeof draft === "string" ? draft : "";
  const choices = (schema.enum ?? (schema.const === undefined ? undefined : [schema.const])) as
    readonly unknown[] | undefined;
  if (type === "object" && properties !== undefined) {
    const record = typeof draft === "object" ? draft : {};
    const required = (schema.required ?? []) as readonly string[];
    return (
      <fieldset>
        <legend>
          {label} {!isRequired && <span class="note">(optional)</span>}
        </legend>
        {description !== undefined && <p class="note">{description}</p>}
        {Object.entries(properties as Record<string, Schema>).map(([key, inner]) => (
          <SchemaField
            key={key}
            name={key}
            schema={inner}
            isRequired={required.includes(key)}
            draft={ownValue(record, key)}
            onDraft={(value) => onDraft({ ...record, [key]: value })}
          />
        ))}
      </fieldset>
    );
  }
  const hint = [description, rangeText(minimum, maximum), format].filter((part) => part !== undefined).join(" · ");
  const isPlain = type === "string" || type === "number" || type === "integer";
  if (!isPlain && choices === undefined && type !== "boolean") {
    return <JsonField label={label} hint={hint || undefined} text={text} onText={onDraft} isRequired={isRequired} />;
  }
  return (
    <div class="field">
      <label for={id}>
        {label} {!isRequired && <span class="note">(optional)</span>}
      </label>
      {choices !== undefined || type === "boolean" ? (
        <select id={id} value={text} required={isRequired} onChange={(event) => onDraft(event.currentTarget.value)}>
          <option value="">{isRequired ? "Choose one" : "Not given"}</option>
          {(choices ?? [true, false]).map((choice) => (
            <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>
              {String(choice)}
            </option>
          ))}
        </select>
      ) : (
        <PlainInput id={id} schema={schema} isRequired={isRequired} text={text} onText={onDraft} />
      )}
      {hint !== "" && <p class="note">{hint}</p>}
    </div>
  );
}

interface PlainInputProps {
  readonly id: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
  readonly text: string;
  readonly onText: (text: string) => void;
}

function PlainInput({ id, schema, isRequired, text, onText }: PlainInputProps) {
  const { type, minimum, maximum, minLength, maxLength } = schema;
  const onInput = (event: { readonly currentTarget: HTMLInputElement }) => onText(event.currentTarget.value);
  if (type === "string") {
    return <input id={id} type="text" minLength={minLength} maxLength={maxLength} value={text} onInput={onInput} />;
  }
  return (
    <input
      id={id}
      type="number"
      step={type === "integer" ? 1 : "any"}
      min={minimum}
      max={maximum}
      required={isRequired}
      value={text}
      onInput={onInput}
    />
  );
}

function rangeText(minimum: unknown, maximum: unknown): string | undefined {
  // Schemas of whole numbers have the bounds of doubles.
  const bounds = [minimum, maximum].map((bound) =>
    typeof bound === "number" && Number.isSafeInteger(bound) && Math.abs(bound) < 2 ** 52 ? bound : undefined,
  );
  const [least, most] = bounds;
  if (least === undefined) return most === undefined ? undefined : `at most ${most}`;
  return most === undefined ? `at least ${least}` : `${least} to ${most}`;
}

/** The value of a draft; undefined if nothing was typed. @throws {SyntaxError} for what is no valid JSON */
export function valueOf(draft: Draft | undefined, schema: Schema = {}): unknown {
  if (draft === undefined) return undefined;
  if (typeof draft === "object") {
    const properties = (schema.properties ?? {}) as Record<string, Schema>;
    const entries = Object.entries(draft).map(
      ([name, each]) => [name, valueOf(each, ownValue(properties, name))] as const,
    );
    const given = entries.filter(([, value]) => value !== undefined);
    return given.length === 0 ? undefined : Object.fromEntries(given);
  }
  if (draft === "") return undefined;
  const isText = schema.type === "string" && schema.enum === undefined && schema.const === undefined;
  if (isText) return draft;
  try {
    return JSON.parse(draft) as unknown;
  } catch (error) {
    if (/^\s*[[{"]/u.test(draft)) throw error;
    return draft;
  }
}
