import type { Class } from './views.ts'
import { classWords } from './words.ts'

/** A class as its word, with a sign of its own beside the colour. */
export function ClassMark({ of }: { of: Class }): preact.JSX.Element {
  const [sign, tone, words] = classWords[of]
  return (
    <span class={`state ${tone}`} title={words}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      {of}
    </span>
  )
}
