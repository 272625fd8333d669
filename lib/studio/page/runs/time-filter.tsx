interface TimeFilterProps {
  readonly label: string;
  /** In ms since 1970; "" for none. */
  readonly value: string;
  readonly onValue: (value: string) => void;
}

/** A time in the clock of the reader, to the second. */
export function TimeFilter({ label, value, onValue }: TimeFilterProps) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="datetime-local"
        step="1"
        value={localTime(value)}
        onChange={(event) => {
          const time = new Date(event.currentTarget.value).getTime();
          onValue(Number.isNaN(time) ? "" : String(time));
        }}
      />
    </label>
  );
}

/** As the input writes it: `2030-01-31T08:00:00`. */
function localTime(value: string): string {
  const time = Number(value);
  if (value === "" || !Number.isFinite(time)) return "";
  const offset = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offset).toISOString().slice(0, 19);
}
