import type { Language } from './people.ts';

/** What the stream is about. */
export type Topic = 'npc' | 'shop';

/** Something that everybody has just seen, and some say something about. */
export type Moment = 'bigGift' | 'reaction' | 'level' | 'goal' | 'battle' | 'offer' | 'bought' | 'box';

/** Small talk, by what the stream is about. */
export const SMALL_TALK: Record<Topic, Record<Language, readonly string[]>> = {
  npc: {
    en: [
      'hiii from the bus 🚌',
      'ice cream so good 😂',
      'gang gang',
      'how do you keep a straight face',
      'yes yes yes yes',
      'first time here, what is going on',
      'the nod gets me every time',
      'do the cowgirl one!!',
      'who is sending all the roses 🌹',
      'I said five minutes an hour ago',
      'love the outfit today',
      'greetings from Toronto 🇨🇦',
      'this is so calming somehow',
      'we need one more streak',
      'lol the sound effects',
      'she never misses',
      'tap the screen everyone ❤️',
      'hello from Lagos!',
    ],
    ar: [
      'السلام عليكم جميعًا 👋',
      'ههههه كل مرة أضحك',
      'أول مرة أدخل، وش السالفة؟',
      'منورة يا بنكي 💖',
      'آيس كريم سو قود 😂',
      'مين يرسل كل هالورود 🌹',
      'تحية من الرياض',
      'كيف ما تضحكين؟!',
      'كبسوا على الشاشة ❤️',
      'إزيكم من القاهرة',
      'ما شاء الله عليكِ',
      'وحدة كمان يا جماعة',
      'قلت خمس دقايق وصارت ساعة',
      'أحلى بث اليوم',
      'تسلم إيدك',
      'تحياتي من المغرب 🇲🇦',
    ],
  },
  shop: {
    en: [
      'is the lantern real brass?',
      'how long is delivery to Sharjah?',
      'ordered last week, arrived in two days 👍',
      'what sizes are left?',
      'can you show the back please',
      'that is a really good price',
      'does it ship to Kuwait?',
      'waiting for the candles 🕯️',
      'the colour is gorgeous',
      'bought one for my mum',
      'is it a good gift for a wedding?',
      'hello from Muscat',
      'show the basket again please',
      'how many are left?',
    ],
    ar: [
      'كم يوم التوصيل للشارقة؟',
      'النحاس أصلي؟',
      'وصلني الطلب بيومين، شكرًا 👍',
      'ممكن تورينا من الخلف؟',
      'السعر ممتاز',
      'توصلون الكويت؟',
      'أبغى المقاس الكبير',
      'اللون يجنن 😍',
      'أخذت واحد لأمي',
      'متى دور الشموع؟ 🕯️',
      'هل ينفع هدية زواج؟',
      'بكام ده لو سمحت؟',
      'باقي كم حبة؟',
      'تحية من مسقط',
    ],
  },
};

/** What is said when something has happened. `{name}` is whoever did it. */
export const ON_A_MOMENT: Record<Moment, Record<Language, readonly string[]>> = {
  bigGift: {
    en: ['WOW {name} 🤯', '{name} is not playing around', 'that gift 😱', 'legend {name} 👏'],
    ar: ['وااااو {name} 🤯', 'كفو {name} 👏', 'ما هذا الكرم 😱', 'يا سلام عليك {name}'],
  },
  reaction: {
    en: ['😂😂😂', 'again!', 'perfect as always', 'I was waiting for that one'],
    ar: ['😂😂😂', 'مرة ثانية!', 'هههههههه', 'كنت أنتظرها'],
  },
  level: {
    en: ['LEVEL UP 🔥', 'keep it going everyone', 'the crowd is on fire'],
    ar: ['ارتفع المستوى 🔥', 'كملوا يا جماعة', 'الحماس وصل'],
  },
  goal: { en: ['we did it 🎉', 'goal reached!!'], ar: ['وصلنا الهدف 🎉', 'مبروووك'] },
  battle: { en: ['battle time ⚔️', 'save your galaxies for the last seconds'], ar: ['بدأ التحدي ⚔️', 'جهزوا الهدايا'] },
  offer: {
    en: ['ooh a new offer', 'that is cheap', 'quick before it is gone'],
    ar: ['عرض جديد 😍', 'السعر حلو', 'بسرعة قبل يخلص'],
  },
  bought: { en: ['enjoy {name}!', 'good choice', 'I want one too'], ar: ['مبروك {name}!', 'اختيار حلو', 'أبغى مثله'] },
  box: { en: ['box!! get ready 🎁', 'thank you {name} 🎁'], ar: ['صندوق!! استعدوا 🎁', 'شكرًا {name} 🎁'] },
};

/** What the creators themselves say, now and then, to whoever is generous. */
export const THANKS: Record<Topic, readonly string[]> = {
  npc: ['Thank you {name}! 💖', 'Gang gang, {name}!', 'Yes yes yes, {name} 🍦'],
  shop: ['شكرًا {name} 🌟', 'Thank you {name}! 🌟', 'Welcome to the souq, {name}'],
};
