// The tagged answer to a command, before its tag is known.

export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD'
  /** Response code without brackets: `READ-ONLY`, `COPYUID 38505 304 3956`. ASCII. */
  readonly code?: string
  /** For people. */
  readonly text: string
}

export function ok(text: string, code?: string): Answer {
  return code === undefined ? { status: 'OK', text } : { status: 'OK', code, text }
}

export function no(text: string, code?: string): Answer {
  return code === undefined ? { status: 'NO', text } : { status: 'NO', code, text }
}

export function bad(text: string, code?: string): Answer {
  return code === undefined ? { status: 'BAD', text } : { status: 'BAD', code, text }
}
