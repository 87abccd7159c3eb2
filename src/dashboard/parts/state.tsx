/** Each state has a sign beside its colour and its word, for whoever does not see the one or does not read the other. */
const signs: Readonly<Record<string, readonly [sign: string, tone: Tone]>> = {
  ...{ blocked: ['■', 'bad'], failed: ['✕', 'bad'], retrying: ['↻', 'warn'], partial: ['◐', 'bad'] },
  ...{ paused: ['‖', 'calm'], disabled: ['○', 'calm'], cancelled: ['⊘', 'calm'], skipped: ['⤼', 'warn'] },
  ...{ running: ['▶', 'busy'], active: ['▶', 'busy'], delivering: ['▶', 'busy'], preparing: ['…', 'busy'] },
  ...{ idle: ['●', 'good'], succeeded: ['✓', 'good'], delivered: ['✓', 'good'], passive: ['◇', 'calm'] },
  ...{ queued: ['·', 'calm'], waiting: ['·', 'calm'], leased: ['⇥', 'busy'], error: ['✕', 'bad'] },
  ...{ present: ['✓', 'good'], absent: ['○', 'calm'], unknown: ['?', 'calm'] },
  ...{ 'in-sync': ['●', 'good'], behind: ['◔', 'warn'], diverged: ['≠', 'bad'] },
  ...{ info: ['·', 'calm'], warn: ['!', 'warn'] },
}

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'calm'

export function toneOf(state: string): Tone {
  return signs[state]?.[1] ?? 'calm'
}

export function State({ of, bare = false }: { of: string; bare?: boolean }): preact.JSX.Element {
  const [sign, tone] = signs[of] ?? ['·', 'calm']
  return (
    <span class={`state ${tone}`} title={bare ? of : undefined}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      <span class={bare ? 'unseen' : undefined}>{of}</span>
    </span>
  )
}
