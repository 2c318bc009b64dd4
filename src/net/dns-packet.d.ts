// What of the package dns-packet is used here; it brings no types of its own.
declare module 'dns-packet' {
  export interface Question {
    name: string
    type: string
    class?: string
  }
  export interface ResourceRecord {
    name: string
    type: string
    class?: string
    ttl?: number
    /** Depends on the type: see dns-message.ts, which checks it. */
    data?: unknown
    udpPayloadSize?: number
    extendedRcode?: number
    flags?: number
    options?: unknown[]
  }
  export interface Packet {
    id?: number
    type?: 'query' | 'response'
    flags?: number
    questions?: Question[]
    answers?: ResourceRecord[]
    authorities?: ResourceRecord[]
    additionals?: ResourceRecord[]
  }
  export interface DecodedPacket extends Required<Packet> {
    flag_aa: boolean
    flag_tc: boolean
    flag_ra: boolean
    flag_ad: boolean
    opcode: string
    rcode: string
  }
  export const RECURSION_DESIRED: number
  export const AUTHENTIC_DATA: number
  export const RECURSION_AVAILABLE: number
  export const TRUNCATED_RESPONSE: number
  export const AUTHORITATIVE_ANSWER: number
  export function encode(packet: Packet): Buffer
  export function decode(bytes: Buffer): DecodedPacket
  const packet: {
    RECURSION_DESIRED: number
    AUTHENTIC_DATA: number
    RECURSION_AVAILABLE: number
    TRUNCATED_RESPONSE: number
    AUTHORITATIVE_ANSWER: number
    encode: typeof encode
    decode: typeof decode
  }
  export default packet
}
