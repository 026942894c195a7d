"""What a dossier says in English and in French, its words in one table; what it shows of facts is in `words`."""

from __future__ import annotations

from replays.words.tables import spaced

# name, English, French
WORDS: tuple[tuple[str, str, str], ...] = (
    ("title", "Dossier of dispute", "Dossier du litige"),
    ("intro", "What is stated here is computed from the entries listed at the end and from nothing else. Positions are "
     "the numbers of entries in the ledger. Moments are in legal time ({zone}), each with its offset from UTC; a span "
     "holds its first moment and not its last. Words in quotation marks are quoted as they were recorded.",
     "Ce qui est énoncé ici est calculé à partir des écritures énumérées à la fin, et d’elles seules. Les positions "
     "sont les numéros des écritures du registre. Les moments sont en heure légale ({zone}), chacun avec son décalage "
     "sur UTC ; un intervalle comprend son premier moment et non son dernier. Ce qui est entre guillemets est cité "
     "tel qu’il a été enregistré."),
    ("brief", "In short", "En bref"),
    ("brief_matter", "The dispute is over: {question}.", "Le litige porte sur : {question}."),
    ("brief_now", "By what is known on {known_at}, the verdict is: {verdict}.",
     "Selon ce qui est connu le {known_at}, le verdict est : {verdict}."),
    ("brief_first", "By what was known on {known_at}, it was: {verdict}.",
     "Selon ce qui était connu le {known_at}, il était : {verdict}."),
    ("brief_running", "The period is not over: this is what is so up to now.",
     "La période n’est pas achevée : ceci vaut à ce jour."),
    ("brief_every", "Over all {count} readings that the clauses leave open, it is: {outcome}.",
     "Sur toutes les lectures que les clauses laissent ouvertes ({count}), il est : {outcome}."),
    ("brief_some", "Of the {count} readings that the clauses leave open not all were searched; over those that were, "
     "it is: {outcome}.",
     "Les lectures que les clauses laissent ouvertes ({count}) n’ont pas toutes été explorées ; sur celles qui l’ont "
     "été, il est : {outcome}."),
    ("brief_one", "No clause leaves a choice of reading open here.",
     "Aucune clause ne laisse ici de choix de lecture."),
    ("every_kept", "kept under each", "tenu sous chacune"),
    ("every_broken", "broken under each", "manqué sous chacune"),
    ("every_not_judged", "nothing to judge under each", "rien à juger sous chacune"),
    ("every_contested", "contested, being kept under some and broken under others",
     "contesté, car tenu sous certaines et manqué sous d’autres"),
    ("matter", "The matter", "L’objet"),
    ("item", "Item", "Élément"), ("value", "Value", "Valeur"),
    ("contract", "Contract", "Contrat"), ("question", "Question", "Question posée"), ("reason", "Reason", "Motif"),
    ("opened", "Opened", "Ouvert le"), ("by", "By", "Par"), ("state", "State", "État"),
    ("known_at", "As known at", "Selon ce qui était connu le"), ("position", "Position", "Écriture n°"),
    ("last_position", "Last entry known", "Dernière écriture connue"),
    ("root", "Root of the tree", "Racine de l’arbre"),
    ("terms", "Terms", "Conditions"), ("calendar", "Calendar", "Calendrier"),
    ("made_with", "Made with", "Établi avec"),
    ("reading_used", "Reading", "Lecture"),
    ("by_default", "each choice at its default", "chaque choix à sa valeur par défaut"),
    ("zones", "time zones: tzdata", "fuseaux : tzdata"),
    ("decision", "Decision", "Décision"),
    ("decided_note", "A decision is an opinion on a reading or a fact; it alters no entry.",
     "Une décision est une opinion sur une lecture ou un fait ; elle ne modifie aucune écriture."),
    ("course", "The course of the dispute", "Le déroulement du litige"),
    ("at", "At", "Le"), ("what", "What", "Ce qui s’est passé"), ("evidence", "Evidence", "Pièces"),
    ("holds", "What a hold keeps in view", "Ce qu’un gel garde en vue"),
    ("hold", "Hold", "Gel"), ("since", "Since", "Depuis le"), ("until", "Until", "Jusqu’au"),
    ("deleted_meanwhile", "Deleted meanwhile", "Supprimé entre-temps"),
    ("owed", "What is owed", "Ce qui est dû"), ("obligation", "Obligation", "Obligation"),
    ("owed_by", "Owed by", "Débiteur"),
    ("verdicts", "The verdict", "Le verdict"), ("figure", "Figure", "Donnée"),
    ("at_first", "As known at the end of the period", "Connu à la fin de la période"),
    ("at_opening", "As known at the opening", "Connu à l’ouverture"), ("now", "As known now", "Connu à ce jour"),
    ("as_decided", "Under the decided reading", "Selon la lecture décidée"), ("verdict", "verdict", "verdict rendu"),
    ("kept", "kept", "tenu"), ("broken", "broken", "manqué"), ("not_judged", "nothing to judge", "rien à juger"),
    ("only_differing",
     "Only the figures that differ are shown, of {count}; the entries in bundle.zip give the others again.",
     "Seules les données qui diffèrent sont montrées, sur {count} ; les écritures de bundle.zip redonnent les autres."),
    ("none_differs", "None of the {count} figures differs; the entries in bundle.zip give them again.",
     "Aucune des {count} données ne diffère ; les écritures de bundle.zip les redonnent."),
    ("idle", "Left out, having nothing to judge: {count} obligations.",
     "Omises, n’ayant rien à juger : {count} obligations."),
    ("learnt", "What was known when", "Ce qui était connu, et quand"),
    ("learnt_note", "From {first} to {last}, each entry that moved the answer, in the order it was learnt. "
     "The steps account for the whole difference. “Alone” is what the entry moves if it is all that was learnt.",
     "Du {first} au {last}, chaque écriture qui a changé la réponse, dans l’ordre où elle a été connue. "
     "Les étapes rendent compte de toute la différence. « Seule » : ce que l’écriture change si elle est tout ce qui a "
     "été connu."),
    ("no_step", "Nothing learnt in that time moved the answer.",
     "Rien de ce qui a été connu durant ce temps n’a changé la réponse."),
    ("number", "No.", "N°"), ("moved", "Moved", "A changé"), ("alone", "Alone", "Seule"),
    ("comes", "found", "apparaît"), ("goes", "no longer found", "n’apparaît plus"),
    ("time_passed", "Time passed, with nothing learnt.", "Le temps a passé, sans rien apprendre."),
    ("knowledge_caption", "What was known over time; the colour is the verdict, numbers are the steps below",
     "Ce qui était connu au fil du temps ; la couleur est celle du verdict, les numéros sont les étapes ci-dessous"),
    ("knowable", "Since when each breach could be known", "Depuis quand chaque manquement pouvait être connu"),
    ("breach", "Breach", "Manquement"), ("period", "Period", "Période"),
    ("broken_at", "Broken at", "Manqué le"), ("first_knowable_at", "First knowable at", "Connaissable dès le"),
    ("delay", "Delay", "Délai"), ("missing", "Missing", "Il manque"),
    ("clauses", "The clauses at stake", "Les clauses en jeu"),
    ("clauses_note", "Each open choice that changes a figure here: the reading taken, the other one, and why the first "
     "is the default.",
     "Chaque choix ouvert qui change ici une donnée : la lecture retenue, l’autre, et pourquoi la première est celle "
     "par défaut."),
    ("no_clause", "No reading of a clause changes a figure here.",
     "Aucune lecture d’une clause ne change ici une donnée."),
    ("inert", "Open choices that by themselves change nothing here",
     "Choix ouverts qui, à eux seuls, ne changent rien ici"),
    ("choice", "Choice", "Choix"), ("why", "Why it is the default", "Pourquoi par défaut"),
    ("article", "Article", "Clause"), ("reading", "Reading taken", "Lecture retenue"),
    ("other", "Other reading", "Autre lecture"), ("other_verdict", "Verdict under it", "Verdict selon elle"),
    ("changes", "Changes", "Change"),
    ("coverage_every", "What is said of the verdict holds over every combination of the readings.",
     "Ce qui est dit du verdict vaut pour toutes les combinaisons des lectures."),
    ("coverage_some", "Not every combination was searched.", "Toutes les combinaisons n’ont pas été explorées."),
    ("turned_by", "The verdict is turned by", "Le verdict s’inverse par"),
    ("turned_by_one_more", "One more set of choices turns it.", "Un autre groupe de choix l’inverse aussi."),
    ("turned_by_more", "{count} more sets of choices turn it.", "{count} autres groupes de choix l’inversent aussi."),
    ("with", "with", "avec"),
    ("workings", "The workings", "Le calcul"),
    ("cut_one", "One more row is left out here; the entries in bundle.zip give it again.",
     "Une ligne de plus est omise ici ; les écritures de bundle.zip la redonnent."),
    ("cut", "{count} more rows are left out here; the entries in bundle.zip give them again.",
     "{count} lignes de plus sont omises ici ; les écritures de bundle.zip les redonnent."),
    ("levers", "What would turn it", "Ce qui l’inverserait"),
    ("shown", "If it were shown that", "S’il était établi que"),
    ("ground", "Ground", "Cause"), ("seconds", "TI changes by", "Le TI change de"),
    ("turns", "Turns the verdict", "Inverse le verdict"),
    ("yes", "yes", "oui"), ("no", "no", "non"),
    ("to_spare", "{amount} were left before the promise was broken.",
     "Il restait {amount} de marge avant de manquer à l’engagement."),
    ("left", "{amount} are left; the month is not over.", "Il reste {amount} de marge ; le mois n’est pas achevé."),
    ("short_of", "{amount} are missing for the promise to have been kept.",
     "Il manque {amount} pour que l’engagement ait été tenu."),
    ("month", "The month", "Le mois"),
    ("month_caption", "{month} in legal time, a row a day", "{month} en heure légale, une ligne par jour"),
    ("prt", "reference period (PRT)", "période de référence type (PRT)"), ("outage", "outage", "indisponibilité"),
    ("excluded", "exclusion that stands", "exclusion retenue"),
    ("maintenance", "maintenance stop", "arrêt de maintenance"),
    ("announced", "announced slot", "créneau annoncé"),
    ("nights", "The backups owed", "Les sauvegardes dues"),
    ("nights_caption", "Each square is a night for which a backup was owed, by the day it is of",
     "Chaque case est une nuit pour laquelle une sauvegarde était due, à son jour"),
    ("fulfilled", "owed and present", "due et présente"), ("missed", "owed and missing", "due et manquante"),
    ("pending", "not due yet", "pas encore due"),
    ("facts", "The facts, in the order they were recorded", "Les faits, dans l’ordre de leur enregistrement"),
    ("facts_caption", "When each fact happened (above) and when it was recorded (below), by the number of its entry; "
     "the contract, its terms and its calendar are older and left out",
     "Quand chaque fait s’est produit (en haut) et quand il a été enregistré (en bas), par le numéro de son écriture ; "
     "le contrat, ses conditions et son calendrier, plus anciens, n’y sont pas"),
    ("happened", "happened", "survenu"), ("was_recorded", "recorded", "enregistré"),
    ("recorded", "Recorded", "Enregistré le"), ("stream", "Stream", "Flux"),
    ("fact", "Fact", "Fait"), ("receipt", "Receipt (leaf hash)", "Reçu (empreinte de la feuille)"),
    ("page", "page {now} of {all}", "page {now} sur {all}"),
    ("how", "How to verify", "Comment vérifier"),
    ("how_note", "Beside this page lies bundle.zip: the entries themselves, the tree they stand in, and a verifier. "
     "Whoever wants to check it takes it out and runs: service-ledger verify bundle.zip. Each leaf hash above is that "
     "of an entry in it (RFC 6962, hexadecimal); where a folder receipts lies beside it, receipts/1762.proof proves "
     "entry 1762 alone, under a signed head (C2SP tlog-proof). Reading these pages needs no software.",
     "À côté de cette page se trouve bundle.zip : les écritures elles-mêmes, l’arbre où elles figurent et un "
     "vérificateur. Qui veut vérifier l’extrait et lance : service-ledger verify bundle.zip. Chaque empreinte "
     "ci-dessus est celle d’une écriture qu’il contient (RFC 6962, en hexadécimal) ; si un dossier receipts est à "
     "côté, receipts/1762.proof prouve à lui seul l’écriture 1762, sous une tête d’arbre signée (C2SP tlog-proof). "
     "Lire ces pages ne demande aucun logiciel."),
)  # fmt: skip

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {name: english for name, english, _ in WORDS},
    "fr": {name: spaced(french) for name, _, french in WORDS},
}
