"""Resources to statements: what each type carries, and what is never shown as fact."""

from __future__ import annotations

import pytest

from conflict.identity import DocumentKind, document_from_source
from tests.fhir.single import became, drafts, kinds
from tests.fhir.synthea_bundle import HL7, RXNORM, SNOMED, Body, concept, quantity

AT = "2015-03-02T05:11:45-05:00"
PERSON = {"reference": "Patient/p1"}
VISIT = {"reference": "Encounter/e1"}
DOD = "urn:oid:2.16.840.1.113883.3.42.10001.100001.12"


def coded(system: str, code: str) -> Body:
    return {"coding": [{"system": HL7 + system, "code": code}]}


def allergy(**more: object) -> Body:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": PERSON,
        "clinicalStatus": coded("allergyintolerance-clinical", "active"),
        "verificationStatus": coded("allergyintolerance-verification", "confirmed"),
        "code": concept("7980", "Penicillin", RXNORM),
        "recordedDate": AT,
        **more,
    }


def condition(**more: object) -> Body:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": PERSON,
        "clinicalStatus": coded("condition-clinical", "active"),
        "code": concept("444814009", "Viral sinusitis"),
        "onsetDateTime": AT,
        **more,
    }


def administration(**more: object) -> Body:
    return {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "subject": PERSON,
        "context": VISIT,
        "status": "completed",
        "medicationCodeableConcept": concept("6130", "Ketamine", RXNORM),
        "effectiveDateTime": AT,
        "dosage": {"dose": quantity("50.0", "mg"), "route": {"text": "IM"}},
        **more,
    }


def request(**more: object) -> Body:
    return {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "subject": PERSON,
        "encounter": VISIT,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept("161", "Acetaminophen", RXNORM),
        "authoredOn": AT,
        **more,
    }


def only(body: Body, slot: str, *others: Body) -> Body:
    found = drafts(became(body, *others), slot)
    assert len(found) == 1
    return dict(found[0].value)


def test_a_patient_becomes_name_sex_birth_date_and_every_dod_id() -> None:
    found = became(
        {
            "resourceType": "Patient",
            "id": "p1",
            "identifier": [
                {"system": DOD, "value": "1234567890"},
                {"system": DOD, "value": "1234567891"},
                {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-27-2868"},
            ],
            "name": [
                {"use": "maiden", "family": "Old", "given": ["Ada"]},
                {"use": "official", "family": "Ruiz", "given": ["Ada", "B"]},
            ],
            "gender": "female",
            "birthDate": "1984-05",
        }
    )
    assert [one.value for one in drafts(found, "name")] == [
        {"family": "Ruiz", "given": "Ada B", "evidence": "registry"}
    ]
    assert drafts(found, "sex")[0].value["code"] == "female"
    assert drafts(found, "birth_date")[0].value["date"] == "1984-05"
    assert [one.value["number"] for one in drafts(found, "dod_id")] == ["1234567890", "1234567891"]
    kept = drafts(found, "source")[0].value
    assert "999-27-2868" in kept["verbatim"]
    assert kept["partly_mapped"] is True


def test_every_statement_names_its_source_and_documents_are_named_by_it() -> None:
    found = became(allergy(), system="urn:hospital")
    document, draft = found.drafts[0]
    assert document == document_from_source(DocumentKind.PERSON, "urn:hospital", "p1")
    assert draft.source is not None
    assert draft.source[:2] == ("urn:hospital", "AllergyIntolerance/a1")
    assert len(draft.source.content_hash) == 64


def test_an_allergy_is_carried_whole() -> None:
    found = became(allergy(category=["medication"], criticality="high", type="allergy"))
    assert drafts(found, "allergy")[0].value == {
        "substance": "Penicillin",
        "code": "7980",
        "system": RXNORM,
        "status": "active",
        "verification": "confirmed",
        "category": "drug",
        "criticality": "high",
    }
    assert drafts(found, "allergy")[0].at == AT
    assert not found.kept


@pytest.mark.parametrize(
    ("said", "substance"),
    [
        ("Allergy to peanuts", "peanuts"),
        ("Shellfish allergy", "Shellfish"),
        ("Allergy to penicillin (disorder)", "penicillin"),
        ("Dander (animal) allergy", "Dander (animal)"),
    ],
)
def test_the_substance_is_named_bare_so_that_drug_checks_find_it(said: str, substance: str) -> None:
    found = became(allergy(code=concept("1", said)))
    assert drafts(found, "allergy")[0].value["substance"] == substance
    assert said in drafts(found, "source")[0].value["verbatim"]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("716186003", "none-known"),
        ("160244002", "none-known"),
        ("409137002", "none-known-drug"),
    ],
)
def test_no_known_allergy_speaks_of_the_whole_list(code: str, state: str) -> None:
    value = only(allergy(code=concept(code, "No known allergy")), "allergy")
    assert value == {"status": state, "code": code, "system": SNOMED}


@pytest.mark.parametrize(
    "body",
    [
        allergy(code=concept("429625007", "No known food allergy")),
        allergy(
            code=concept("716186003", "No known allergy"),
            verificationStatus=coded("allergyintolerance-verification", "refuted"),
        ),
    ],
)
def test_other_negatives_are_never_an_allergy(body: Body) -> None:
    found = became(body)
    assert not drafts(found, "allergy")
    assert found.kept


def test_text_that_no_statement_can_hold_is_kept_as_its_escape() -> None:
    found = became(allergy(code={"text": "Peni\ud800cillin"}))
    assert not found.mapped
    assert "\\ud800" in drafts(found, "source")[0].value["verbatim"]


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"clinicalStatus": coded("x", "resolved")}, "resolved"),
        ({"clinicalStatus": "inactive"}, "inactive"),
        ({"clinicalStatus": coded("x", "waning")}, "active"),
        ({"clinicalStatus": 7}, "active"),
        ({"clinicalStatus": None}, "active"),
        ({"verificationStatus": coded("x", "refuted"), "clinicalStatus": None}, "refuted"),
    ],
)
def test_an_allergy_of_unclear_status_is_active(more: Body, state: str) -> None:
    assert only(allergy(**more), "allergy")["status"] == state


@pytest.mark.parametrize(
    "body",
    [
        allergy(verificationStatus=coded("v", "entered-in-error")),
        condition(verificationStatus=coded("v", "entered-in-error")),
        condition(verificationStatus=coded("v", "differential")),
        administration(status="entered-in-error"),
        administration(status="not-done"),
        administration(notGiven=True),
        administration(modifierExtension=[{"url": "urn:not", "valueBoolean": True}]),
        request(status="entered-in-error"),
        request(intent="proposal"),
        request(doNotPerform=True),
    ],
)
def test_what_is_withdrawn_or_not_so_is_kept_and_never_shown(body: Body) -> None:
    found = became(body)
    assert not found.mapped
    assert {one.slot for _, one in found.drafts} <= {"source", "link"}
    assert "partly_mapped" not in drafts(found, "source")[0].value


def test_two_bouts_of_one_illness_are_two_problems() -> None:
    first, second = condition(), condition(id="c2", onsetDateTime="2019-01-01")
    assert only(first, "problem")["key"] != only(second, "problem")["key"]


def test_a_problem_names_its_encounter_and_stays_with_the_person() -> None:
    found = became(condition(encounter=VISIT))
    assert kinds(found, "problem") == [DocumentKind.PERSON]
    assert drafts(found, "problem")[0].value["episode"].startswith("episode-")
    assert not found.kept


def test_a_problem_with_an_end_is_resolved_unless_its_status_says_that_it_is_active() -> None:
    value = only(condition(clinicalStatus=None, abatementDateTime="2016-01-02"), "problem")
    assert (value["status"], value["abatement"]) == ("resolved", "2016-01-02")
    active = became(condition(abatementDateTime="2016-01-02"))
    assert "abatement" not in drafts(active, "problem")[0].value
    assert active.kept


def test_a_drug_given_goes_to_the_episode_with_its_dose_as_given() -> None:
    found = became(administration())
    assert kinds(found, "medication_given") == [DocumentKind.EPISODE]
    assert drafts(found, "medication_given")[0].value == {
        "drug": "Ketamine",
        "code": "6130",
        "system": RXNORM,
        "status": "completed",
        "dose": "50.0",
        "unit": "mg",
        "route": "IM",
    }
    assert not found.kept


def test_a_contained_drug_is_named() -> None:
    body = administration(
        contained=[{"resourceType": "Medication", "id": "d", "code": {"text": "TXA"}}],
        medicationReference={"reference": "#d"},
    )
    del body["medicationCodeableConcept"]
    assert only(body, "medication_given")["drug"] == "TXA"


def test_a_medication_order_goes_to_the_person() -> None:
    dosage = [{"text": "1 tablet as needed", "route": concept("26643006", "Oral route")}]
    found = became(request(dosageInstruction=dosage))
    value = drafts(found, "medication")[0].value
    assert kinds(found, "medication") == [DocumentKind.PERSON]
    assert (value["status"], value["instructions"], value["route"]) == (
        "active",
        "1 tablet as needed",
        "Oral route",
    )
    assert found.kept  # the route's code has no place in the slot


def test_an_immunisation_is_carried_with_lot_dose_and_source() -> None:
    value = only(
        {
            "resourceType": "Immunization",
            "id": "i1",
            "patient": PERSON,
            "status": "completed",
            "vaccineCode": concept("140", "Influenza", "http://hl7.org/fhir/sid/cvx"),
            "occurrenceDateTime": AT,
            "lotNumber": "L1",
            "primarySource": True,
            "protocolApplied": [{"doseNumberPositiveInt": 2}],
        }
        | {"protocolApplied": [{"doseNumberPositiveInt": 2}]},
        "immunisation",
    )
    assert (value["lot"], value["primary_source"], value["dose_number"]) == ("L1", True, 2)


def test_a_procedure_is_one_of_its_episode() -> None:
    body = {
        "resourceType": "Procedure",
        "id": "x1",
        "subject": PERSON,
        "encounter": VISIT,
        "status": "completed",
        "code": concept("40701008", "Echocardiography"),
        "performedPeriod": {"start": AT, "end": "2015-03-02T05:20:00-05:00"},
    }
    found = became(body)
    (draft,) = drafts(found, "procedure")
    assert draft.value["what"] == "Echocardiography"
    assert draft.value["end"] == "2015-03-02T05:20:00-05:00"
    assert draft.at == AT
    assert not drafts(became(body | {"status": "not-done"}), "procedure")


def test_links_stand_in_both_documents_and_are_the_same_each_time() -> None:
    found, again = became(administration()), became(administration(status="stopped"))
    links = [(document, one) for document, one in found.drafts if one.slot == "link"]
    assert [one.value["relation"] for _, one in links] == ["casualty", "casualty"]
    assert sorted(document[0] for document, _ in links) == [1, 2]
    assert links == [(document, one) for document, one in again.drafts if one.slot == "link"]


def test_what_happened_outside_an_encounter_has_an_episode_of_the_patient() -> None:
    body = administration()
    del body["context"]
    document, _ = became(body).drafts[0]
    assert document == document_from_source(DocumentKind.EPISODE, "urn:fhir", "no-encounter:p1")


def test_an_encounter_of_another_patient_does_not_join_two_charts() -> None:
    theirs = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "subject": {"reference": "Patient/p2"},
    }
    document, _ = became(administration(), theirs).drafts[0]
    assert document == document_from_source(DocumentKind.EPISODE, "urn:fhir", "no-encounter:p1")


def test_a_resource_that_names_no_patient_is_filed_but_not_a_fact_about_one() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "gender": "male"}
    found = became(administration(subject={"reference": "Group/g"}), patient)
    assert not found.mapped
    assert kinds(found, "source") == [DocumentKind.PERSON]


def test_only_directory_entries_reach_the_theatre() -> None:
    assert kinds(became({"resourceType": "Organization", "id": "o"}), "source") == [
        DocumentKind.THEATRE
    ]
    assert kinds(became({"resourceType": "Composition", "id": "o"}), "source") == [
        DocumentKind.EPISODE
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "Patient/p1/_history/3",
        "urn:uuid:p1",
        "Patient?identifier=urn:mrn|77",
        "Patient?identifier=urn%3Amrn%7C77",
    ],
)
def test_references_of_every_form_meet_one_patient(reference: str) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "urn:mrn", "value": "77"}],
    }
    document, _ = became(allergy(patient={"reference": reference}), patient).drafts[0]
    assert document == document_from_source(DocumentKind.PERSON, "urn:fhir", "p1")


def test_two_servers_with_the_same_ids_are_two_patients() -> None:
    one = became(allergy(patient={"reference": "https://a.example/fhir/Patient/1"}))
    two = became(allergy(patient={"reference": "https://b.example/fhir/Patient/1"}))
    assert one.drafts[0][0] != two.drafts[0][0]


def test_the_author_is_named_from_the_practitioner_it_arrived_with() -> None:
    practitioner = {
        "resourceType": "Practitioner",
        "id": "d1",
        "name": [{"prefix": ["Dr."], "given": ["Ada"], "family": "Ruiz"}],
    }
    body = allergy(recorder={"reference": "Practitioner/d1"})
    assert drafts(became(body, practitioner), "allergy")[0].by == "Dr. Ada Ruiz"
    assert drafts(became(body), "allergy")[0].by == "FHIR import"


def test_a_large_original_is_a_blob_named_by_its_hash() -> None:
    found = became({"resourceType": "Claim", "id": "k", "patient": PERSON, "note": "x" * 20_000})
    value = drafts(found, "source")[0].value
    assert found.blob is not None
    assert value["blob"]["bytes"] == len(found.blob)
    assert value["blob"]["hash"] == drafts(found, "source")[0].source.content_hash
