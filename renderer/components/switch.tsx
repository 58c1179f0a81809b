/** A switch with its name for screen readers; `busy` shows that the change is on its way. */
export function Switch({
  label,
  checked,
  busy = false,
  disabled = false,
  onChange,
}: {
  label: string;
  checked: boolean;
  busy?: boolean;
  disabled?: boolean;
  onChange(checked: boolean): void;
}) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={checked}
      aria-label={label}
      aria-busy={busy || undefined}
      disabled={disabled}
      className="switch"
      data-busy={busy || undefined}
      onClick={() => {
        if (!busy) onChange(!checked);
      }}
    >
      <span className="switch-knob" />
    </button>
  );
}
